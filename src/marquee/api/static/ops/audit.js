// The audit log: who changed what is live, or deleted something, when and why.

import { badge, card, empty, make, show, table } from "./elements.js";
import { ask } from "./service.js";
import { link, time } from "./words.js";

export const auditView = {
  title: "Audit",
  async draw(place, _, signal) {
    const { entries } = await ask("/v1/admin/audit?limit=200", { signal });
    show(
      place,
      card(
        "Newest first",
        entries.length
          ? table(
              "Audit log",
              ["When", "What", "By", "Generation", "Job", "Why", "How it ended"],
              entries.map((each) => ({
                key: `${each.at} ${each.action} ${each.generation}`,
                state: each.outcome === "done" ? "" : "bad",
                cells: [
                  time(each.at),
                  badge(each.action),
                  each.by,
                  each.generation ? link("generations", each.generation) : "–",
                  each.job ? link("jobs", each.job) : "–",
                  make("span", { class: "clamp" }, each.reason || "–"),
                  each.outcome === "begun"
                    ? [badge("begun", "warn"), " cut off, or under way: look at what is live"]
                    : each.outcome === "done"
                      ? badge("done", "good")
                      : [badge("failed", "bad"), " ", each.outcome.replace(/^failed: /, "")],
                ],
              })),
            )
          : empty("Nothing was done yet."),
      ),
    );
  },
};
