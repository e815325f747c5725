// Reindexes: asking for one, watching it, and what became of all that were asked for.

import { button, card, empty, facts, make, show, table } from "./elements.js";
import { activate, reindex } from "./orders.js";
import { progressOf } from "./progress.js";
import { differenceOf, gateOf } from "./reports.js";
import { Problem, ask, tryAsk } from "./service.js";
import { newest, troubleWith, watch } from "./watch.js";
import { code, count, isOver, jobTitle, link, milliseconds, outcome, plural, span, stateBadge, time } from "./words.js";

/** A place where the progress of a job is kept up to date. */
export function progressPlace(job) {
  watch(job);
  return make(
    "div",
    { "data-progress": job.id, "data-key": `progress ${job.id}` },
    progressOf(newest(job), troubleWith(job)),
  );
}

export const jobsView = {
  title: "Reindex",
  async draw(place, id, signal) {
    if (id) return drawOne(place, id, signal);
    const [{ jobs }, status, { workers }] = await Promise.all([
      ask("/v1/admin/jobs?limit=100", { signal }),
      ask("/v1/status", { signal }),
      ask("/v1/admin/workers", { signal }),
    ]);
    const running = jobs.find((each) => !isOver(each));
    const alive = workers.filter((each) => each.alive).length;
    show(
      place,
      card(
        "Under way",
        running
          ? [make("p", {}, make("strong", {}, jobTitle(running))), progressPlace(running)]
          : empty("No reindex is under way."),
        !alive &&
          make(
            "p",
            { class: "notice bad" },
            "No worker is alive: what is asked for waits until one is. Start ",
            code("marquee worker"),
            ".",
          ),
      ),
      orderForm(status),
      card("History", jobs.length ? historyOf(jobs) : empty("No reindex was asked for yet.")),
    );
  },
};

function orderForm(status) {
  const kind = status.source?.kind;
  const sources = [
    [
      "live",
      kind ? `The live source (${kind})` : "The live source (nothing is live yet)",
      "Look again at what is live now.",
    ],
    ["imdb", "IMDb", "What IMDb publishes every day, for personal and non-commercial use; some 2.5 GB."],
    ["sample", "Sample", "The 28,079 people that come with Marquee."],
  ];
  const form = make(
    "form",
    { class: "order", "data-still": true, "data-key": `form ${kind}` },
    make(
      "fieldset",
      {},
      make("legend", {}, "Source"),
      sources.map(([value, name, hint]) =>
        make(
          "label",
          { class: "choice" },
          make("input", { type: "radio", name: "source", value, checked: value === (kind ? "live" : "sample") }),
          make("span", {}, name, make("small", {}, hint)),
        ),
      ),
    ),
    make(
      "fieldset",
      {},
      make("legend", {}, "How"),
      make(
        "label",
        { class: "choice" },
        make("input", { type: "checkbox", name: "dry" }),
        make("span", {}, "Dry run", make("small", {}, "Report what would change, and index nothing.")),
      ),
      make(
        "label",
        { class: "choice" },
        make("input", { type: "checkbox", name: "force" }),
        make(
          "span",
          {},
          "Force",
          make("small", {}, "Build although nothing has changed, and pass the gate; needs a reason."),
        ),
      ),
    ),
    make(
      "div",
      {},
      make("label", { for: "why" }, "Reason"),
      make("input", {
        id: "why",
        name: "why",
        type: "text",
        maxlength: 500,
        autocomplete: "off",
        "aria-describedby": "why-hint",
      }),
      make("small", { id: "why-hint" }, "Goes into the audit log."),
      make("div", { class: "actions" }, make("button", { type: "submit", class: "primary" }, "Run a reindex …")),
    ),
  );
  const { dry, force, source, why } = form.elements;
  form.onchange = () => {
    // A dry run passes no gate.
    force.disabled = dry.checked;
    if (dry.checked) force.checked = false;
    why.required = force.checked;
    form.querySelector("button").textContent = dry.checked ? "Start the dry run" : "Run a reindex …";
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    reindex({ source: source.value, dry_run: dry.checked, force: force.checked, reason: why.value.trim() });
  };
  return card("Ask for one", form);
}

export function historyOf(jobs) {
  return table(
    "Jobs, newest first",
    ["When", "What", "State", "By", "Took", "What came of it"],
    jobs.map((job) => ({
      key: job.id,
      state: ["failed", "refused"].includes(job.state) ? "bad" : "",
      cells: [
        make("a", { href: `#jobs/${job.id}` }, time(job.requested_at)),
        jobTitle(job),
        stateBadge(job),
        job.requested_by,
        duration(job),
        make("span", { class: "clamp" }, outcome(job)),
      ],
    })),
  );
}

function duration(job) {
  return job.started_at && job.ended_at ? span((new Date(job.ended_at) - new Date(job.started_at)) / 1000) : "–";
}

async function drawOne(place, id, signal) {
  const job = newest(await ask(`/v1/admin/jobs/${encodeURIComponent(id)}`, { signal }));
  const { difference, stages = [] } = job.figures;
  const gate = job.figures.gate ?? (await readGate(job, signal));
  show(
    place,
    make("p", { class: "back" }, make("a", { href: "#jobs" }, "← All jobs")),
    card(
      jobTitle(job),
      isOver(job)
        ? make(
            "p",
            { class: "line" },
            stateBadge(job),
            " ",
            gate && job.state === "refused" ? "The gate refused what was built, see below." : outcome(job),
          )
        : progressPlace(job),
      job.state === "refused" && refusalOf(job),
      ["failed", "cancelled"].includes(job.state) &&
        make(
          "div",
          { class: "actions" },
          button("Ask again …", () => again(job)),
        ),
      facts([
        ["Job", code(job.id)],
        ["Asked for", time(job.requested_at), ` by ${job.requested_by}`],
        [
          "Why",
          job.request.reason || (job.request.scheduled ? "the schedule looked at the source" : "no reason was given"),
        ],
        job.started_at && ["Begun", time(job.started_at), job.worker ? ` by ${job.worker}` : ""],
        job.ended_at && ["Ended", time(job.ended_at), job.started_at ? `, after ${duration(job)}` : ""],
        job.generation && ["Generation", link("generations", job.generation)],
        job.cancel_requested_by && ["Cancelled by", job.cancel_requested_by],
        job.request.location && ["Folder", code(job.request.location)],
      ]),
    ),
    difference && card("What would change", differenceOf(difference)),
    difference &&
      job.state === "succeeded" &&
      make(
        "div",
        { class: "actions", "data-key": "apply" },
        button("Run it …", () => again(job), { class: "primary" }),
      ),
    gate && card("Gate", gateOf(gate)),
    stages.length > 0 && card("What each stage took", stagesOf(stages)),
  );
}

/** Of what was refused the report stands with the generation, for as long as that is kept. */
async function readGate(job, signal) {
  if (job.state !== "refused" || !job.generation) return null;
  const found = await tryAsk(`/v1/admin/generations/${encodeURIComponent(job.generation)}`, { signal });
  return found instanceof Problem ? null : found.gate;
}

/** What was refused can be asked for by force, or made live without building again. */
function refusalOf(job) {
  return make(
    "div",
    { class: "notice bad" },
    make(
      "p",
      {},
      "What was live stays live, and the new generation is kept for inspection. If the source is meant to be like that, either way needs a reason:",
    ),
    make(
      "div",
      { class: "actions" },
      job.generation && button(`Make ${job.generation} live …`, () => activate(job.generation), { class: "primary" }),
      button("Build it again, by force …", () => again(job, { force: true })),
    ),
  );
}

/** A folder cannot be named over HTTP: that of what is live can. */
function again({ request }, { force = false } = {}) {
  return reindex({ source: request.source === "folder" ? "live" : request.source, dry_run: false, force, reason: "" });
}

function stagesOf(stages) {
  const longest = Math.max(...stages.map((each) => each.took_s), 0.001);
  return table(
    "Stages",
    ["Stage", "Took", "Share", "Amount", "Rate"],
    stages.map(({ stage, took_s: tookS, done, unit }, index) => ({
      key: `${index} ${stage}`,
      cells: [
        stage,
        tookS < 10 ? milliseconds(tookS * 1000) : span(tookS),
        make("div", { class: "bar", "--share": tookS / longest }),
        done ? plural(done, unit.replace(/s$/, "")) : "–",
        done && tookS ? `${count(done / tookS)}/s` : "–",
      ],
    })),
    { numeric: [1, 3, 4] },
  );
}
