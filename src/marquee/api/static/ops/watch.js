// The job that is under way: followed by its events, whatever is shown, and told to screen readers now and then.

import { announce, tellChanged } from "./confirm.js";
import { show } from "./elements.js";
import { progressOf } from "./progress.js";
import { Problem, readEvents } from "./service.js";
import { isOver, jobTitle, outcome } from "./words.js";

const AGAIN_MS = 2000;

let job = null;
let trouble = "";
let following = new AbortController();
let told = "";

/** Return the job as it was last told of, where it is the one that is followed. */
export function newest(known) {
  return job?.id === known.id && !isOver(known) ? job : known;
}

/** What keeps the events from coming, for people. */
export function troubleWith(known) {
  return job?.id === known.id ? trouble : "";
}

/** Follow a job until it has ended; one at a time is under way. */
export function watch(known) {
  if (job?.id === known.id) return;
  stopWatching();
  following = new AbortController();
  [job, told] = [known, ""];
  follow(known.id, following.signal);
}

export function stopWatching() {
  following.abort();
  [job, trouble] = [null, ""];
}

async function follow(id, signal) {
  while (!signal.aborted) {
    try {
      // The first event tells the job as it is: a stream that broke goes on from there.
      for await (const event of readEvents(`/v1/admin/jobs/${id}/events`, signal)) take(event);
      if (isOver(job)) return;
      trouble = "The events ended before the job did; asking again.";
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem)) return;
      if ([404, 409].includes(error.status)) {
        trouble = error.message;
        redraw();
        return;
      }
      trouble = `${error.message} The job goes on without this page; asking again.`;
    }
    redraw();
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function take(now) {
  [job, trouble] = [now, ""];
  redraw();
  if (isOver(now)) {
    announce(`${jobTitle(now)} ${now.state}: ${outcome(now)}`);
    tellChanged();
  } else if (now.stage && now.stage !== told) {
    told = now.stage;
    announce(`${now.stage}, ${Math.floor(now.percent)} %`, { isQuiet: true });
  }
}

function redraw() {
  for (const place of document.querySelectorAll("[data-progress]")) {
    if (place.dataset.progress === job.id) show(place, progressOf(job, trouble));
  }
}
