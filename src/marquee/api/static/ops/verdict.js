// Whether all is well, and what is not: the words are those of the alerts, and a few that only a reader needs.

import { make } from "./elements.js";
import { Problem } from "./service.js";
import { newest } from "./watch.js";
import { code, isOver, link, outcome, plural } from "./words.js";

/** Draw the verdict; `workers` and `jobs` may be Problems. */
export function verdictOf(status, conditions, workers, jobs) {
  const running = jobs instanceof Problem ? null : jobs.jobs.find((each) => !isOver(each));
  const bad = conditions
    .filter((each) => each.is_bad)
    .map(({ kind, title, detail, advice }) => ({
      title,
      detail,
      advice,
      mood: "bad",
      job: kind === "failed-run" ? status.last_result?.id : null,
    }));
  if (!(workers instanceof Problem) && !workers.workers.some((each) => each.alive)) {
    bad.push({
      title: "no worker is alive",
      detail: "Nothing that is asked for is begun, and nothing looks at the source.",
      advice: "Start `marquee worker`, or look why it ended.",
      mood: "warn",
    });
  }
  if (status.generation === null && status.engine.status !== "unreachable") {
    bad.push({
      title: "nothing is live",
      detail: "Searches are answered with 503.",
      advice: "Run a reindex.",
      mood: "warn",
    });
  }
  if (status.pinned) {
    bad.push({
      title: `${status.pinned} is pinned`,
      detail: "No reindex makes anything newer live.",
      advice: "",
      mood: "note",
    });
  }
  const worst = ["bad", "warn"].find((mood) => bad.some((each) => each.mood === mood)) ?? "good";
  const wrong = bad.filter((each) => each.mood !== "note").length;
  return make(
    "section",
    { class: `verdict ${worst}`, "data-key": "verdict", "aria-labelledby": "verdict" },
    make("h3", { id: "verdict" }, wrong ? `${plural(wrong, "thing")} to look at` : "All is well"),
    bad.length
      ? make(
          "ul",
          {},
          bad.map(({ title, detail, advice, job }) =>
            make(
              "li",
              { "data-key": title },
              make("strong", {}, title),
              make("span", { class: "clamp" }, detail),
              advice && make("span", {}, make("b", {}, "What to do: "), quoted(advice)),
              job && make("span", {}, link("jobs", job, "Look at that job")),
            ),
          ),
        )
      : make("p", {}, "The engine answers, a worker is there, and the data are fresh."),
    running && make("p", {}, link("jobs", running.id, "A reindex is under way"), `: ${outcome(newest(running))}.`),
  );
}

/** Commands in what the service says stand between backticks. */
function quoted(text) {
  return text.split("`").map((part, index) => (index % 2 ? code(part) : part));
}
