// At a glance, in the order of the questions: is it well, how old are the data, what is live, what happened last
// night, what is running, how is it undone?

import { age, day } from "./charts.js";
import { badge, button, card, empty, facts, make, show } from "./elements.js";
import { progressPlace } from "./jobs.js";
import { activate, pin, unpin } from "./orders.js";
import { Problem, ask, tryAsk } from "./service.js";
import { verdictOf } from "./verdict.js";
import {
  bytes,
  code,
  count,
  counts,
  generationBadges,
  isOver,
  jobTitle,
  link,
  outcome,
  percent,
  relative,
  span,
  stateBadge,
  time,
  utc,
} from "./words.js";

const DAY_MS = 24 * 3600 * 1000;
const SHOWN = 8;

export const overviewView = {
  title: "Overview",
  async draw(place, _, signal) {
    const [status, { conditions }, cache] = await Promise.all(
      ["/v1/status", "/v1/admin/conditions", "/v1/admin/cache"].map((each) => ask(each, { signal })),
    );
    // Without Elasticsearch these fail, and the page must say what is left.
    const [workers, jobs, audit, generations] = await Promise.all(
      ["/v1/admin/workers", "/v1/admin/jobs?limit=50", "/v1/admin/audit?limit=50", "/v1/admin/generations"].map(
        (each) => tryAsk(each, { signal }),
      ),
    );
    show(
      place,
      verdictOf(status, conditions, workers, jobs),
      make(
        "div",
        { class: "grid three", "data-key": "health" },
        engineCard(status),
        workersCard(workers),
        cacheCard(cache),
      ),
      make("div", { class: "grid", "data-key": "data" }, ageCard(status), liveCard(status, generations)),
      lately(status, jobs, audit),
      card(
        "Running now",
        known(jobs, ({ jobs: every }) => {
          const running = every.find((each) => !isOver(each));
          if (running)
            return [
              make(
                "p",
                {},
                make("strong", {}, jobTitle(running)),
                ` asked for by ${running.requested_by} `,
                time(running.requested_at, { brief: true }),
              ),
              progressPlace(running),
            ];
          return [
            make(
              "p",
              {},
              "No reindex is under way.",
              status.next_run_at
                ? [
                    " The source is looked at next ",
                    time(status.next_run_at, { brief: true }),
                    `, ${utc(status.next_run_at)}.`,
                  ]
                : " No worker has a schedule.",
            ),
            make("div", { class: "actions" }, make("a", { class: "button", href: "#jobs" }, "Run a reindex …")),
          ];
        }),
      ),
    );
  },
};

/** Draw what an answer holds, or say why there is none. */
function known(answer, draw) {
  return answer instanceof Problem ? empty(`Not known at the moment: ${answer.message}`) : draw(answer);
}

function engineCard({ engine }) {
  const mood = { green: "good", yellow: "good" }[engine.status] ?? "bad";
  return card(
    "Engine",
    make("p", { class: "big" }, badge(engine.status, engine.writable ? mood : "bad")),
    make(
      "p",
      { class: "quiet" },
      engine.version ? `Elasticsearch ${engine.version}` : "Elasticsearch does not answer",
      engine.version && (engine.writable ? ", takes writes" : ", takes no writes"),
    ),
  );
}

function workersCard(workers) {
  return card(
    "Workers",
    known(workers, ({ workers: every }) => {
      const alive = every.filter((each) => each.alive);
      return [
        make(
          "p",
          { class: "big" },
          badge(alive.length ? `${count(alive.length)} alive` : "none alive", alive.length ? "good" : "bad"),
        ),
        every.length
          ? make(
              "ul",
              { class: "plain quiet" },
              every
                .slice(0, 5)
                .map((each) =>
                  make(
                    "li",
                    { "data-key": each.id },
                    code(each.id),
                    each.alive
                      ? each.job
                        ? [" runs ", link("jobs", each.job)]
                        : " waits"
                      : [" not heard of for ", span((Date.now() - new Date(each.seen_at)) / 1000)],
                  ),
                ),
              every.length > 5 && make("li", {}, `and ${count(every.length - 5)} more`),
            )
          : make("p", { class: "quiet" }, "None was heard of within a day."),
      ];
    }),
  );
}

function cacheCard(cache) {
  const redis = cache.redis === null ? "" : cache.redis === "closed" ? ", Redis answers" : ", Redis does not answer";
  return card(
    "Cache",
    make(
      "p",
      { class: "big" },
      cache.enabled
        ? badge(
            cache.hits + cache.misses ? `${percent(cache.hit_rate)} hits` : "nothing asked yet",
            redis.includes("not") ? "warn" : "good",
          )
        : badge("off"),
    ),
    make(
      "p",
      { class: "quiet" },
      `${count(cache.entries)} answers, ${bytes(cache.used_bytes)} of ${bytes(cache.size_bytes)}${redis}`,
    ),
  );
}

function ageCard(status) {
  const { source, data_age_s: ageS } = status;
  return card(
    "Data age",
    ageS === null
      ? make(
          "p",
          {},
          status.generation === null
            ? "Nothing is live."
            : `Does not apply: a source of the kind “${source?.kind}” does not age.`,
        )
      : [make("p", { class: "big" }, make("strong", {}, span(ageS)), ` of at most 24 h`), age(ageS)],
    source &&
      make(
        "p",
        { class: "quiet" },
        "Confirmed to match the source ",
        time(source.confirmed_at),
        ". Published ",
        time(source.published_at),
        ".",
      ),
  );
}

function liveCard(status, generations) {
  return card(
    "Live generation",
    known(generations, ({ generations: every }) => {
      const live = every.find((each) => each.live);
      if (!live)
        return empty("No generation is live yet. ", make("a", { href: "#jobs" }, "Run a reindex"), " to make one.");
      const older = every.find(
        (each) => each.built_at < live.built_at && each.complete && each.readable && each.set_aside === "",
      );
      return [
        make("p", { class: "big" }, link("generations", live.id), " ", generationBadges(live)),
        facts([
          ["Holds", counts(live.counts)],
          ["Source", live.source?.kind ?? "not known"],
          ["Live since", time(live.swapped_at ?? live.built_at)],
          [
            "To undo it",
            older
              ? [
                  "go back to ",
                  link("generations", older.id),
                  `, ${counts(older.counts)}, built ${relative(older.built_at)}`,
                ]
              : "there is no older usable generation to go back to",
          ],
        ]),
        make(
          "div",
          { class: "actions" },
          older && button(`Roll back to ${older.id} …`, () => activate(older.id)),
          status.pinned ? button("Take the pin off …", () => unpin()) : button("Pin it …", () => pin(live.id)),
        ),
      ];
    }),
  );
}

function lately(status, jobs, audit) {
  return card(
    "The last 24 hours",
    known(jobs, ({ jobs: every }) => {
      const since = Date.now() - DAY_MS;
      const recent = every.filter((each) => new Date(each.ended_at ?? each.requested_at) > since);
      const told = recent
        .filter(isOver)
        .map((job) => ({
          at: job.ended_at,
          key: job.id,
          what: [stateBadge(job), " ", link("jobs", job.id, jobTitle(job)), ` by ${job.requested_by}: `, outcome(job)],
        }));
      const acts =
        audit instanceof Problem
          ? []
          : audit.entries
              .filter((each) => !each.job && new Date(each.at) > since)
              .map((entry) => ({
                at: entry.at,
                key: `${entry.at} ${entry.action}`,
                what: [
                  badge(entry.action),
                  entry.generation ? [" ", link("generations", entry.generation)] : "",
                  ` by ${entry.by}`,
                  entry.reason ? `: ${entry.reason}` : "",
                  entry.outcome === "done" ? "" : ` (${entry.outcome})`,
                ],
              }));
      const all = [...told, ...acts].sort((one, other) => new Date(other.at) - new Date(one.at));
      return [
        day(recent, status.next_run_at),
        all.length
          ? make(
              "ol",
              { class: "events" },
              all
                .slice(0, SHOWN)
                .map(({ at, key, what }) =>
                  make("li", { "data-key": key }, time(at), make("div", { class: "clamp" }, what)),
                ),
            )
          : empty("Nothing happened."),
        make(
          "p",
          { class: "quiet" },
          all.length > SHOWN ? `and ${count(all.length - SHOWN)} more: ` : "",
          make("a", { href: "#jobs" }, "all jobs"),
          " · ",
          make("a", { href: "#audit" }, "audit log"),
        ),
      ];
    }),
  );
}
