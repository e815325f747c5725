// A job that is under way, as a picture and in figures.

import { badge, button, make } from "./elements.js";
import { cancel } from "./orders.js";
import { count, isOver, link, plural, span, stateBadge } from "./words.js";

const STEPS = [
  ["Read", /^reading /],
  ["Join", /^(joining|keys) /],
  ["Compare", /^compare /],
  ["Index", /^index /],
  ["Check", /^(refresh|canaries)/],
];

/** The nodes of a job's progress; its own heading stands where it is shown. */
export function progressOf(job, trouble = "") {
  const percent = Math.floor(job.percent); // it is not done before it is done
  return [
    make(
      "p",
      { class: "line" },
      stateBadge(job),
      " ",
      link("jobs", job.id),
      job.attempt > 1 && [" ", badge(`begun ${job.attempt} times`, "warn")],
    ),
    make("ol", { class: "steps", "aria-label": "Steps" }, stepsOf(job)),
    make("div", {
      class: "bar",
      role: "progressbar",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": percent,
      "aria-label": `Progress of job ${job.id}`,
      "--share": job.percent / 100,
    }),
    make(
      "p",
      { class: "figures" },
      make("strong", {}, `${percent} %`),
      make("span", {}, doing(job)),
      make("span", {}, amountOf(job.progress)),
      make("span", {}, job.rate_rows_s === null ? "" : `${count(job.rate_rows_s)} ${job.progress?.unit ?? "rows"}/s`),
      make("span", {}, job.eta_s === null ? "" : `about ${span(job.eta_s)} left`),
    ),
    trouble && make("p", { class: "notice" }, trouble),
    !isOver(job) &&
      make(
        "div",
        { class: "actions" },
        button(
          job.cancel_requested_by ? `Being cancelled by ${job.cancel_requested_by}` : "Cancel this job …",
          () => cancel(job),
          { disabled: Boolean(job.cancel_requested_by) },
        ),
      ),
  ];
}

/** What it does, or did last: between two stages it says nothing. */
const lastStage = (job) => job.stage || job.figures.stages?.at(-1)?.stage;

function doing(job) {
  if (job.stage) return job.stage;
  if (job.state === "requested") return "waits for a worker";
  return lastStage(job) ? `${lastStage(job)}: done` : "begins";
}

function amountOf(progress) {
  if (!progress) return "";
  return progress.total === null
    ? plural(progress.done, progress.unit.replace(/s$/, ""))
    : `${count(progress.done)} of ${count(progress.total)} ${progress.unit}`;
}

function stepsOf(job) {
  const steps = STEPS.filter(([name]) =>
    job.request.dry_run ? !["Index", "Check"].includes(name) : name !== "Compare",
  );
  const now = steps.findIndex(([, pattern]) => pattern.test(lastStage(job) ?? ""));
  return steps.map(([name], index) =>
    make(
      "li",
      {
        class: now >= 0 && index < now ? "done" : null,
        "aria-current": index === now ? "step" : null,
      },
      name,
    ),
  );
}
