// Small pictures, drawn as SVG without any library. The words and figures beside them are HTML, so that they keep
// their size on a phone.

import { make, picture } from "./elements.js";
import { span, utc } from "./words.js";

const WIDTH = 600;
const DOT = "h.01"; // without a length, a lone point is not seen
const HEIGHT = 160;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

/**
 * Lines over time. `series` are {name, mood, points: [{at, value}]}, a null value being a gap; `ticks` are the values
 * that are written at the side, lowest first: they bound the picture. `limit` is a line that should not be crossed.
 */
export function lines({ title, series, ticks, say, from, to, isLog = false, limit = null }) {
  const scale = isLog ? (value) => Math.log(Math.max(value, ticks[0])) : (value) => value;
  const [low, high] = [scale(ticks[0]), scale(ticks.at(-1))];
  const share = (value) => Math.min(1, Math.max(0, (scale(value) - low) / (high - low)));
  const x = (at) => ((at - from) / (to - from)) * WIDTH;
  const y = (value) => HEIGHT * (1 - share(value));
  const latest = series.map(({ name, points }) => `${name} ${say(points.at(-1)?.value ?? null)}`).join(", ");
  return make(
    "figure",
    { class: "chart", "data-key": title },
    make("figcaption", {}, title),
    make(
      "ul",
      { class: "legend" },
      series.map(({ name, mood, points }) =>
        make("li", { class: mood }, make("span", {}, name), " ", make("strong", {}, say(points.at(-1)?.value ?? null))),
      ),
    ),
    make(
      "div",
      { class: "plot" },
      ticks.map((tick) => make("span", { class: "tick", "--height": share(tick) }, say(tick))),
      picture(
        "svg",
        {
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `${title}: ${latest}`,
        },
        ticks.map((tick) => picture("path", { class: "rule", d: `M0 ${y(tick)}H${WIDTH}` })),
        limit !== null && picture("path", { class: "limit", d: `M0 ${y(limit)}H${WIDTH}` }),
        series.map(({ points, mood }) => picture("path", { class: `series ${mood}`, d: path(points, x, y) })),
      ),
    ),
    make("div", { class: "axis" }, make("span", {}, `${span((to - from) / 1000)} ago`), make("span", {}, "now")),
  );
}

function path(points, x, y) {
  let pen = "M";
  return points
    .map(({ at, value }) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const step = `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}${pen === "M" ? DOT : ""}`;
      pen = "L";
      return step;
    })
    .join("");
}

/** Round ticks from 0 to at least `most`. */
export function ticksTo(most) {
  const step = 10 ** Math.floor(Math.log10(Math.max(most, 1e-9)));
  const top = [1, 2, 5, 10].map((each) => each * step).find((each) => each >= most);
  return [0, top / 2, top];
}

/** How old the data are, against the day that is promised. */
export function age(seconds) {
  const share = Math.min(1, seconds / (1.25 * DAY_S)); // the limit is seen with some room beyond it
  return make(
    "div",
    {
      class: `age ${seconds > DAY_S ? "bad" : seconds > 0.75 * DAY_S ? "warn" : "good"}`,
      role: "img",
      "aria-label": `Data age ${span(seconds)} of at most 24 h`,
    },
    make("div", { class: "bar", "--share": share }, make("span", { class: "mark" })),
    make(
      "div",
      { class: "axis" },
      ["0 h", "6 h", "12 h", "18 h", "24 h", ""].map((each) => make("span", {}, each)),
    ),
  );
}

/** The jobs of the last day as marks on a line, and the next look at the source. */
export function day(jobs, nextRunAt) {
  const now = Date.now();
  const [from, to] = [now - DAY_S * 1000, now + 6 * HOUR_S * 1000];
  const share = (at) => Math.min(1, Math.max(0, (new Date(at) - from) / (to - from)));
  const marks = jobs.map((job) => {
    const [start, end] = [share(job.started_at ?? job.requested_at), share(job.ended_at ?? now)];
    return make("span", { class: `run ${job.state}`, "data-key": job.id, "--start": start, "--length": end - start });
  });
  const told = jobs.length
    ? jobs.map((job) => `${job.state} ${utc(job.ended_at ?? job.requested_at)}`).join(", ")
    : "no jobs";
  return make(
    "div",
    { class: "day", role: "img", "aria-label": `The last 24 hours: ${told}` },
    make(
      "div",
      { class: "track" },
      marks,
      make("span", { class: "now", "--start": share(now) }),
      nextRunAt && make("span", { class: "next", "--start": share(nextRunAt) }),
    ),
    make(
      "div",
      { class: "axis" },
      ["24 h ago", "18 h", "12 h", "6 h", "now", "in 6 h"].map((each) => make("span", {}, each)),
    ),
  );
}
