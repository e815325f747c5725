// Trying a search, and seeing why each hit stands where it stands.

import { badge, card, empty, facts, make, show } from "./elements.js";
import { Problem, request } from "./service.js";
import { code, link, milliseconds, percent } from "./words.js";

const PARTS = [
  ["name", "the name"],
  ["exact", "the very words"],
  ["popularity", "popularity"],
  ["born", "year of birth"],
  ["title", "title"],
];
const FIELDS = [
  ["q", "Name", { type: "search", required: true, maxlength: 200, placeholder: "jake gylenhal", dir: "auto" }],
  ["born", "Born", { type: "number", min: 1, max: 2100, placeholder: "1980" }],
  ["title", "In a title", { type: "text", maxlength: 200, placeholder: "Donnie Darko" }],
  ["profession", "Profession", { type: "text", maxlength: 50, placeholder: "actor" }],
  ["limit", "Hits", { type: "number", min: 1, max: 50, value: 10 }],
];

const UNFOLDED = 3;

let asking = new AbortController();

export const playgroundView = {
  title: "Search",
  isStill: true,
  async draw(place) {
    const results = make("div", {
      class: "results",
      "data-key": "results",
      role: "region",
      "aria-label": "Hits",
      "aria-live": "off",
    });
    const form = make(
      "form",
      { class: "search", role: "search" },
      FIELDS.map(([name, label, attributes]) =>
        make(
          "div",
          { class: `control ${name}` },
          make("label", { for: `search-${name}` }, label),
          make("input", { id: `search-${name}`, name, autocomplete: "off", spellcheck: "false", ...attributes }),
        ),
      ),
      make("button", { type: "submit", class: "primary" }, "Search"),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      const filled = [...new FormData(form)].filter(([, value]) => value.trim());
      find(new URLSearchParams([...filled, ["explain", "true"]]), results);
    };
    show(place, card("Ask as an app would", form), results);
  },
};

async function find(params, results) {
  asking.abort();
  const { signal } = (asking = new AbortController());
  const path = `/v1/actors/search?${params}`;
  results.setAttribute("aria-busy", true);
  const started = performance.now();
  try {
    const { answer, headers } = await request(path, { signal });
    showAnswer(results, answer, path, headers, performance.now() - started);
  } catch (error) {
    if (!(error instanceof Problem)) return;
    show(
      results,
      make("div", { class: "notice bad", role: "alert" }, make("strong", {}, error.title), ": ", error.message),
    );
  } finally {
    if (!signal.aborted) results.removeAttribute("aria-busy");
  }
}

function showAnswer(place, answer, path, headers, tripMs) {
  const most = Math.max(...answer.hits.map((each) => each.explanation.rank), 0.01);
  const said = answer.hits.length === 1 ? "1 hit" : `${answer.hits.length} hits`;
  document.getElementById("announcement").textContent = answer.hits.length
    ? `${said}, first ${answer.hits[0].name}`
    : "Nobody was found";
  show(
    place,
    card(
      "What was answered",
      facts([
        ["Request", code(`GET ${path}`)],
        ["Took", `${milliseconds(answer.took_ms)} in the service, ${milliseconds(tripMs)} round trip`],
        ["Stages", stagesOf(headers.get("Server-Timing"))],
        [
          "Generation",
          answer.generation ? link("generations", answer.generation) : "none",
          answer.stale ? [" ", badge("stale: the engine is away", "warn")] : "",
        ],
        answer.did_you_mean && ["Did you mean", make("bdi", {}, answer.did_you_mean)],
        answer.ambiguous && ["Ambiguous", "several people bear this name, and the hints do not tell them apart"],
      ]),
    ),
    answer.hits.length
      ? card(
          said,
          legend(),
          make(
            "ol",
            { class: "hits" },
            answer.hits.map((hit, index) => hitOf(hit, index, most)),
          ),
        )
      : card("No hits", empty("Nobody was found.")),
  );
}

function stagesOf(timing) {
  const told = (timing ?? "")
    .split(",")
    .map((each) => /^\s*(\w+);dur=([\d.]+)/.exec(each))
    .filter(Boolean);
  return told.length ? told.map(([, name, ms]) => `${name} ${milliseconds(Number(ms))}`).join(" · ") : "not told";
}

function legend() {
  return make(
    "ul",
    { class: "legend" },
    PARTS.map(([name, words]) => make("li", { class: name }, words)),
  );
}

function hitOf(hit, index, most) {
  const { explanation: parts } = hit;
  const life = [hit.birth_year && `born ${hit.birth_year}`, hit.death_year && `died ${hit.death_year}`].filter(Boolean);
  return make(
    "li",
    { class: "hit", "data-key": hit.nconst },
    make(
      "h4",
      {},
      make("span", { class: "quiet" }, `${index + 1}. `),
      make("bdi", {}, hit.name),
      " ",
      code(hit.nconst),
    ),
    make(
      "p",
      { class: "quiet" },
      [
        ...hit.professions.map((each) => each.replaceAll("_", " ")),
        ...life,
        ...hit.known_for.slice(0, 2).map(({ title, year }) => (year ? `${title} (${year})` : title)),
      ].join(" · "),
    ),
    make(
      "p",
      { class: "line" },
      make("strong", {}, `score ${percent(hit.score)}`),
      " ",
      badge(hit.match.kind),
      ` ${hit.match.edits === 1 ? "1 edit" : `${hit.match.edits} edits`}, rank ${parts.rank.toFixed(3)}`,
    ),
    make(
      "div",
      {
        class: "parts ranks",
        role: "img",
        "aria-label": PARTS.map(([name, words]) => `${words} ${parts[name].toFixed(3)}`).join(", "),
      },
      PARTS.filter(([name]) => parts[name] > 0).map(([name]) =>
        make("span", { class: name, "--share": parts[name] / most }),
      ),
    ),
    make(
      "details",
      { open: index < UNFOLDED },
      make("summary", {}, "Why it stands here", make("span", { class: "unseen" }, `: ${hit.name}`)),
      make(
        "ul",
        { class: "reasons" },
        parts.reasons.map((each) => make("li", {}, each)),
      ),
      make("p", { class: "quiet" }, `Found by: ${parts.routes.join(", ")}`),
    ),
  );
}
