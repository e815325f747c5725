// Numbers, times and states in words. All clocks are UTC, whatever the reader's is.

import { badge, make } from "./elements.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const rough = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (number) => whole.format(number);
export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

export function percent(share) {
  return `${new Intl.NumberFormat("en", { maximumFractionDigits: share > 0 && share < 0.1 ? 2 : 1 }).format(share * 100)}\u00a0%`;
}

export function bytes(size) {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, size)) / 10));
  return `${rough.format(size / 1024 ** power)} ${["bytes", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

export function milliseconds(ms) {
  return ms === null ? "–" : ms >= 10_000 ? span(ms / 1000) : `${rough.format(ms)} ms`;
}

/** A length of time in its two largest units. */
export function span(seconds) {
  let left = Math.max(0, Math.round(seconds));
  const told = [];
  for (const [size, unit] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ]) {
    if ((left >= size || told.length) && told.length < 2) {
      told.push([Math.floor(left / size), unit]);
      left %= size;
    }
  }
  return (
    told
      .filter(([amount]) => amount)
      .map((each) => each.join(" "))
      .join(" ") || "0 s"
  );
}

export function utc(at, { seconds = false } = {}) {
  const text = new Date(at).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, seconds ? 19 : 16)} UTC`;
}

export function relative(at) {
  const awayS = (Date.now() - new Date(at)) / 1000;
  if (Math.abs(awayS) < 1) return "now";
  const away = span(Math.abs(awayS) < 60 ? Math.abs(awayS) : 60 * Math.round(Math.abs(awayS) / 60));
  return awayS > 0 ? `${away} ago` : `in ${away}`;
}

/** A time, with how long ago that is. */
export function time(at, { brief = false } = {}) {
  if (!at) return "–";
  return make(
    "time",
    { datetime: at, title: utc(at, { seconds: true }) },
    brief ? relative(at) : [utc(at), " ", make("span", { class: "quiet" }, `(${relative(at)})`)],
  );
}

export function counts(of) {
  const told = Object.entries(of).map(([kind, number]) =>
    number === 1 ? `1 ${kind.replace(/s$/, "")}` : `${count(number)} ${kind}`,
  );
  return told.join(", ") || "nothing counted";
}

export const code = (text) => make("code", {}, text);
export const link = (view, id, text = id) => make("a", { href: `#${view}/${id}` }, text);

const MOODS = { succeeded: "good", running: "busy", requested: "busy", refused: "bad", failed: "bad", cancelled: "" };

export const isOver = (job) => !["requested", "running"].includes(job.state);
export const stateBadge = (job) =>
  badge(job.cancel_requested_by && !isOver(job) ? "being cancelled" : job.state, MOODS[job.state]);

export function jobTitle({ request }) {
  const source = { live: "the live source", folder: "a folder" }[request.source] ?? request.source;
  return `${request.dry_run ? "Dry run" : "Reindex"} of ${source}${request.force ? ", forced" : ""}`;
}

/** How a job ended, in a line. */
export function outcome(job) {
  const { figures } = job;
  if (job.state === "requested") return "waits for a worker";
  if (job.state === "running") return `${Math.floor(job.percent)} %${job.stage ? `, ${job.stage}` : ""}`;
  if (job.state !== "succeeded") return job.reason || "no reason is recorded";
  if (figures.difference) {
    const { added, removed, changed } = figures.difference.actors;
    return `would add ${count(added)}, remove ${count(removed)} and change ${count(changed)} actors`;
  }
  return figures.swapped ? `${job.generation} went live: ${counts(figures.counts ?? {})}` : job.reason || "ended well";
}

export function generationBadges(generation) {
  const asides = {
    unjudged: "not judged yet",
    refused: "refused by the gate",
    held: "held back by a pin",
    "rolled back": "rolled back",
  };
  return [
    generation.live && badge("live", "good"),
    generation.pinned && badge("pinned", "warn"),
    !generation.complete && badge("incomplete", "bad"),
    !generation.readable && badge("unreadable", "bad"),
    generation.set_aside &&
      badge(asides[generation.set_aside] ?? generation.set_aside, generation.set_aside === "refused" ? "bad" : ""),
  ].filter(Boolean);
}
