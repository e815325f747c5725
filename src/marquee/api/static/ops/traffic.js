// Hit rates and latency, sampled for as long as the page is open; of the process that answers.

import { lines, ticksTo } from "./charts.js";
import { badge, button, card, empty, facts, make, show, table } from "./elements.js";
import { between, quantile, readRoutes, sum } from "./metrics.js";
import { clearCache } from "./orders.js";
import { Problem, ask, request } from "./service.js";
import { bytes, code, count, link, milliseconds, percent } from "./words.js";

const EVERY_MS = 5000;
const KEPT = 180; // a quarter of an hour
const WINDOW = 12; // what is drawn is of the last minute
const PROMISE_MS = 500;
const LATENCY_TICKS_MS = [0.1, 1, 10, 100, 1000];

let samples = [];
let timer = 0;

/** Read now and then from a sign-in on. */
export function startSampling() {
  stopSampling();
  sample();
  timer = setInterval(sample, EVERY_MS);
}

export function stopSampling() {
  clearInterval(timer);
  samples = [];
}

async function sample() {
  const at = Date.now();
  try {
    const [metrics, cache] = await Promise.all([
      read(request("/metrics", { asText: true })),
      read(ask("/v1/admin/cache")),
    ]);
    const isTold = !(metrics instanceof Problem);
    samples = [
      ...samples,
      {
        at,
        routes: isTold ? readRoutes(metrics.answer) : null,
        trouble: isTold ? "" : metrics.message,
        cache: cache instanceof Problem ? null : cache,
      },
    ].slice(-KEPT);
  } catch (error) {
    if (error.name !== "AbortError") throw error; // signed out
  }
}

/** Either may fail alone: proxies keep `/metrics` to themselves. */
async function read(asking) {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

export const trafficView = {
  title: "Traffic",
  async draw(place, _, signal) {
    const cache = await ask("/v1/admin/cache", { signal });
    const newest = samples.at(-1);
    show(
      place,
      make(
        "p",
        { class: "quiet" },
        "Of the process that answers here, since it started; the pictures since this page was opened. Behind a load balancer each answer may be another process's.",
      ),
      make(
        "div",
        { class: "grid charts", "data-key": "charts" },
        card("Latency", latencyOf(newest)),
        card("Load", loadOf()),
        card("Hit rate", hitsOf()),
      ),
      card(
        "Endpoints",
        newest?.routes?.size ? endpointsOf(newest) : empty(newest?.trouble || "Nothing was asked yet."),
      ),
      card("Cache", cacheOf(cache)),
    );
  },
};

/** Return what happened within a minute before each sample: what `measure` makes of `part` of two samples. */
function series(part, measure) {
  return samples.map((after, index) => {
    const before = samples[Math.max(0, index - WINDOW)];
    return {
      at: after.at,
      value:
        index && before[part] && after[part] ? measure(before[part], after[part], (after.at - before.at) / 1000) : null,
    };
  });
}

const all = (routes) => sum([...routes.values()]);

function frame() {
  const to = samples.at(-1)?.at ?? Date.now();
  return { from: Math.min(samples[0]?.at ?? to, to - 60_000), to };
}

function latencyOf(newest) {
  const of = (share) =>
    series("routes", (before, after) => {
      const found = between(all(before), all(after));
      return found && quantile(found, share);
    });
  return [
    lines({
      title: "Requests for data, the last minute",
      ticks: LATENCY_TICKS_MS,
      say: milliseconds,
      isLog: true,
      limit: PROMISE_MS,
      ...frame(),
      series: [
        { name: "p50", mood: "one", points: of(0.5) },
        { name: "p95", mood: "two", points: of(0.95) },
        { name: "p99", mood: "three", points: of(0.99) },
      ],
    }),
    make(
      "p",
      { class: "quiet" },
      newest?.trouble
        ? `No figures at the moment: ${newest.trouble}`
        : `Estimated from histograms; the dashed line is the promise of ${PROMISE_MS} ms.`,
    ),
  ];
}

function loadOf() {
  const rate = series("routes", (before, after, seconds) => {
    const found = between(all(before), all(after));
    return found && found.count / seconds;
  });
  const most = Math.max(1, ...rate.map(({ value }) => value ?? 0));
  return lines({
    title: "Requests for data per second",
    ticks: ticksTo(most),
    say: (value) => (value === null ? "–" : String(Math.round(value * 10) / 10)),
    ...frame(),
    series: [{ name: "requests/s", mood: "one", points: rate }],
  });
}

function hitsOf() {
  const hits = series("cache", (before, after) => {
    const asked = after.hits + after.misses - before.hits - before.misses;
    return asked > 0 && after.hits >= before.hits ? (after.hits - before.hits) / asked : null;
  });
  return lines({
    title: "Found in the cache, the last minute",
    ticks: [0, 0.5, 1],
    say: (value) => (value === null ? "–" : percent(value)),
    ...frame(),
    series: [{ name: "hit rate", mood: "two", points: hits }],
  });
}

function endpointsOf(newest) {
  const routes = [...newest.routes]
    .filter(([, each]) => each.count)
    .sort(([, one], [, other]) => other.count - one.count);
  if (!routes.length) return empty("Nothing was asked yet.");
  return table(
    "Requests for data since the process started",
    ["Endpoint", "Requests", "p50", "p95", "p99", "5xx"],
    routes.map(([route, each]) => ({
      key: route,
      state: each.errors ? "warn" : "",
      cells: [
        code(route),
        count(each.count),
        ...[0.5, 0.95, 0.99].map((share) => milliseconds(quantile(each, share))),
        each.errors ? `${count(each.errors)} (${percent(each.errors / each.count)})` : "0",
      ],
    })),
    { numeric: [1, 2, 3, 4, 5] },
  );
}

function cacheOf(cache) {
  if (!cache.enabled) return empty("The cache is off: MARQUEE_CACHE_SIZE_MB is 0, and no Redis is set.");
  const redis =
    {
      closed: badge("answers", "good"),
      open: badge("does not answer, and is left alone", "bad"),
      "half-open": badge("is tried again", "warn"),
    }[cache.redis] ?? "none is set";
  return [
    facts([
      [
        "Hit rate",
        cache.hits + cache.misses
          ? `${percent(cache.hit_rate)} of ${count(cache.hits + cache.misses)} questions`
          : "nothing was asked yet",
      ],
      ["In memory", `${count(cache.entries)} answers, ${bytes(cache.used_bytes)} of ${bytes(cache.size_bytes)}`],
      ["Redis", redis, cache.redis_errors ? ` ${count(cache.redis_errors)} errors` : ""],
      ["Generation", cache.generation ? link("generations", cache.generation) : "none"],
    ]),
    cache.traffic.length > 0 &&
      table(
        "Hit rates by endpoint and layer",
        ["Endpoint", "Layer", "Hits", "Misses", "Hit rate", "Share"],
        cache.traffic.map((each) => ({
          key: `${each.endpoint} ${each.layer}`,
          cells: [
            each.endpoint,
            each.layer,
            count(each.hits),
            count(each.misses),
            percent(each.hit_rate),
            make("div", { class: "bar", "--share": each.hit_rate }),
          ],
        })),
        { numeric: [2, 3, 4] },
      ),
    make(
      "div",
      { class: "actions" },
      button("Clear the cache …", () => clearCache()),
    ),
  ];
}
