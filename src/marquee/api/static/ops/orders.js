// What can be done, and what will happen then: everything is read anew before it is said.

import { announce, confirm } from "./confirm.js";
import { Problem, ask } from "./service.js";
import { code, count, counts, jobTitle, utc } from "./words.js";

const listGenerations = async () => (await ask("/v1/admin/generations")).generations;
const path = (generation) => `/v1/admin/generations/${encodeURIComponent(generation)}`;

/** Begin something that asks the service first; what it refuses is said. */
function order(prepare) {
  return async (...what) => {
    try {
      await prepare(...what);
    } catch (error) {
      if (error instanceof Problem) announce(`${error.title}: ${error.message}`);
      else if (error.name !== "AbortError") throw error;
    }
  };
}

/** Ask for a reindex; `asked` is the body of the request. A dry run changes nothing, so nobody is asked. */
export const reindex = order(async (asked) => {
  // Made once for each time somebody decides: should the answer get lost, the same job is meant.
  const key = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((each) => each.toString(16).padStart(2, "0"))
    .join("");
  const send = async (reason) => {
    const job = await ask("/v1/admin/jobs", {
      method: "POST",
      body: { kind: "reindex", ...asked, reason: reason || asked.reason },
      key,
    });
    location.hash = `#jobs/${job.id}`;
    return `Asked for: ${jobTitle(job)}`;
  };
  if (asked.dry_run) {
    announce(await send(""));
    return;
  }
  const every = await listGenerations();
  const live = every.find((each) => each.live);
  const pinned = every.find((each) => each.pinned);
  const source = asked.source === "live" ? `the live source (${live?.source?.kind ?? "none yet"})` : asked.source;
  const surplus = every.filter((each) => !each.live && !each.pinned);
  confirm({
    title: asked.force ? "Force a reindex?" : "Run a reindex?",
    action: asked.force ? "Force it" : "Run it",
    reason: asked.force && !asked.reason ? "required" : asked.reason ? "none" : "optional",
    lines: [
      `A worker builds a new generation from ${source}. Searches go on meanwhile.`,
      asked.force
        ? "It is built although nothing may have changed, and passes the gate's limits. Damaged files are refused all the same."
        : "If the source has not changed, nothing is built. If the gate refuses it, what is live stays live.",
      pinned
        ? ["It does not go live: ", code(pinned.id), " is pinned."]
        : live
          ? ["Otherwise it goes live in place of ", code(live.id), ", which is kept to go back to."]
          : "It goes live: nothing is now.",
      surplus.length && !pinned
        ? [
            "After the swap the oldest beyond those that are kept (MARQUEE_KEEP_GENERATIONS) are deleted; these may be among them: ",
            surplus.map((each) => [code(each.id), " "]),
          ]
        : "",
      asked.reason ? `Reason: ${asked.reason}` : "",
    ],
    run: send,
  });
});

export const cancel = order(async (job) => {
  confirm({
    title: "Cancel this job?",
    action: "Cancel the job",
    reason: "none",
    lines: [
      [`${jobTitle(job)}, `, code(job.id), `, asked for by ${job.requested_by}, is at ${Math.floor(job.percent)} %.`],
      "It ends within seconds, and what it has built is deleted. What is live stays live.",
      "If its swap has begun already, it ends well instead.",
    ],
    run: async () => {
      const now = await ask(`/v1/admin/jobs/${encodeURIComponent(job.id)}`, { method: "DELETE" });
      return now.state === "cancelled" ? `Job ${job.id} is cancelled.` : `Job ${job.id} is being cancelled.`;
    },
  });
});

/** Make a generation live, be it newer or older than what is. */
export const activate = order(async (id) => {
  const every = await listGenerations();
  const [chosen, live, pinned] = [
    every.find((each) => each.id === id),
    every.find((each) => each.live),
    every.find((each) => each.pinned),
  ];
  if (!chosen) throw new Problem({ title: "Gone", detail: `${id} was deleted meanwhile.` });
  const isBack = live && chosen.built_at < live.built_at;
  const isRefused = chosen.set_aside === "refused";
  const failed = isRefused ? ((await ask(path(id))).gate?.checks ?? []).filter((each) => !each.passed) : [];
  confirm({
    title: isBack ? "Roll back?" : "Make it live?",
    action: isBack ? "Roll back" : "Make it live",
    reason: isRefused ? "required" : "optional",
    lines: [
      [
        code(chosen.id),
        ` goes live, within seconds: ${counts(chosen.counts)}, from ${chosen.source?.kind ?? "a source that is not known"}, built ${utc(chosen.built_at)}.`,
      ],
      live
        ? [code(live.id), ` (${counts(live.counts)}) is no longer searched. It is kept: you can come back to it.`]
        : "Nothing is live now.",
      isBack ? ["The schedule does not bring ", code(live.id), " back until the source has changed."] : "",
      isRefused ? ["The gate refused it: ", failed.map((each) => each.detail).join("; ")] : "",
      pinned ? ["The pin stays on ", code(pinned.id), "."] : "",
      "Nothing is deleted. Every process forgets its cached answers.",
    ],
    run: async (reason) => {
      const { generation } = await ask(`${path(id)}/activate`, { method: "POST", body: { reason, force: isRefused } });
      return `${generation} is live.`;
    },
  });
});

export const pin = order(async (id) => {
  const every = await listGenerations();
  const [live, pinned] = [every.find((each) => each.live), every.find((each) => each.pinned)];
  confirm({
    title: "Pin this generation?",
    action: "Pin it",
    lines: [
      [
        code(id),
        " is kept, and no reindex makes another generation live until the pin is taken off. Reindexes go on building.",
      ],
      live && live.id !== id ? [code(live.id), " stays live: a pin makes nothing live."] : "",
      live?.id === id ? "Its data grow older for as long as it is pinned." : "",
      pinned ? ["The pin on ", code(pinned.id), " is taken off."] : "",
    ],
    run: async (reason) => {
      await ask("/v1/admin/pin", { method: "PUT", body: { generation: id, reason } });
      return `${id} is pinned.`;
    },
  });
});

export const unpin = order(async () => {
  const held = await ask("/v1/admin/pin");
  confirm({
    title: "Take the pin off?",
    action: "Take it off",
    reason: "none",
    lines: [
      [code(held.generation), ` was pinned by ${held.by}, ${utc(held.at)}${held.reason ? `: ${held.reason}` : "."}`],
      "The next reindex that passes the gate goes live again. Nothing changes until then, and nothing is deleted now.",
    ],
    run: async () => {
      await ask("/v1/admin/pin", { method: "DELETE" });
      return "Nothing is pinned any more.";
    },
  });
});

export const clearCache = order(async () => {
  const cache = await ask("/v1/admin/cache");
  confirm({
    title: "Clear the cache?",
    action: "Clear it",
    reason: "none",
    lines: [
      `Every process forgets its answers${cache.redis ? ", and Redis too" : ""}; the one that answers here holds ${count(cache.entries)}.`,
      "Until they are filled again, every search goes to Elasticsearch: expect slower answers for a while.",
      "No data are lost.",
    ],
    run: async () => {
      const { entries, redis_cleared: redis } = await ask("/v1/admin/cache", { method: "DELETE" });
      const there = redis ? ", and Redis" : "; Redis did not answer, and forgets by itself within a day";
      return `The cache is cleared: ${count(entries)} answers here${redis === null ? "" : there}.`;
    },
  });
});
