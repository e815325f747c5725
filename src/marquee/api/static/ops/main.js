// The console: the door, the views behind it, and what keeps them up to date.

import { auditView } from "./audit.js";
import { announce, closeDialogs } from "./confirm.js";
import { empty, make, show } from "./elements.js";
import { generationsView, qualityView } from "./generations.js";
import { jobsView } from "./jobs.js";
import { overviewView } from "./overview.js";
import { playgroundView } from "./playground.js";
import { Problem, ask, begin, end } from "./service.js";
import { startSampling, stopSampling, trafficView } from "./traffic.js";
import { stopWatching } from "./watch.js";
import { utc } from "./words.js";

const EVERY_MS = 5000;
const VIEWS = {
  overview: overviewView,
  jobs: jobsView,
  generations: generationsView,
  quality: qualityView,
  traffic: trafficView,
  audit: auditView,
  search: playgroundView,
};

const byId = (id) => document.getElementById(id);
const view = byId("view");
const title = document.title;

let isIn = false;
let showing = new AbortController();
let wake = () => {};

// --- The door -----------------------------------------------------------------------------------------------

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("token").value.trim();
  // What no header can hold is no token, and is not worth one of the guesses that the service allows.
  if (!/^[\x21-\x7e]+$/.test(text)) return refuse("A token is letters, digits and signs without blanks.");
  begin(text, leave);
  byId("door").setAttribute("aria-busy", true);
  try {
    await ask("/v1/admin/cache"); // takes the token, and asks nothing of Elasticsearch
    enter();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const again = error.retryAfterS === null ? "" : ` Try again in ${error.retryAfterS} s.`;
    if (![401, 403].includes(error.status)) refuse(`${error.title}: ${error.message}${again}`);
  } finally {
    byId("door").removeAttribute("aria-busy");
  }
});

byId("leave").addEventListener("click", () => leave(null));

function enter() {
  isIn = true;
  byId("token").value = "";
  setInside(true);
  startSampling();
  go();
}

/** Forget the token and everything that was shown; `problem` is why the service no longer takes it. */
function leave(problem) {
  const text = !problem ? "You are signed out." : `${isIn ? "You were signed out: " : ""}${sayRefusal(problem)}`;
  isIn = false;
  end();
  showing.abort();
  wake();
  stopSampling();
  stopWatching();
  closeDialogs();
  view.replaceChildren();
  setAway("");
  byId("toast").hidden = true;
  setInside(false);
  document.title = title;
  refuse(text, { isBad: Boolean(problem) });
}

function sayRefusal({ status, kind, message }) {
  if (status === 401) return `this token is not known to the service.`;
  return kind === "admin-disabled"
    ? `administration is off: ${message}.`
    : `this token may not administer: ${message}.`;
}

function refuse(text, { isBad = true } = {}) {
  const place = byId("refusal");
  place.className = isBad ? "notice bad" : "notice";
  place.textContent = text;
  byId("token").focus();
}

function setInside(isInside) {
  byId("door").hidden = isInside;
  for (const each of document.querySelectorAll("[data-inside]")) each.hidden = !isInside;
  if (isInside) byId("refusal").textContent = byId("refusal").className = "";
}

// --- Views --------------------------------------------------------------------------------------------------

/** Show what the address names. */
function go({ isMove = false } = {}) {
  if (!isIn) return;
  const [, name, id] = /^#(\w+)(?:\/(.+))?$/.exec(location.hash) ?? [];
  const chosen = VIEWS[name] ? name : "overview";
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = byId("heading");
  heading.textContent = VIEWS[chosen].title;
  document.title = `${VIEWS[chosen].title} · ${title}`;
  showing.abort();
  wake();
  showing = new AbortController();
  show(view, empty("Reading …"));
  view.dataset.view = chosen;
  byId("as-of").textContent = "";
  if (isMove) {
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  keepShown(VIEWS[chosen], id, showing.signal);
}

/** Draw a view, and draw it again every few seconds and whenever something was changed, until it is left. */
async function keepShown({ draw, isStill }, id, signal) {
  view.setAttribute("aria-busy", true);
  while (!signal.aborted) {
    let waitMs = isStill ? Infinity : EVERY_MS;
    try {
      await draw(view, id, signal);
      if (signal.aborted) return;
      setAway("");
      byId("as-of").textContent = isStill ? "" : `as of ${utc(Date.now(), { seconds: true }).slice(11)}`;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      if (error.retryAfterS === null) {
        setAway("");
        show(
          view,
          make(
            "div",
            { class: "notice bad" },
            make("p", {}, make("strong", {}, error.title)),
            make("p", {}, error.message),
          ),
        );
      } else {
        waitMs = error.retryAfterS * 1000;
        const asOf = byId("as-of").textContent;
        const seen = asOf ? `What you see is ${asOf}. ` : "";
        setAway(`${error.title}: ${error.message} ${seen}Trying again every ${error.retryAfterS} s.`);
      }
    } finally {
      if (!signal.aborted) view.removeAttribute("aria-busy");
    }
    if (!signal.aborted) await sleep(waitMs);
  }
}

/** Wait; what was changed, a page that is looked at again, or a view that is left ends it early. */
function sleep(ms) {
  return new Promise((resolve) => {
    const timer = ms === Infinity ? 0 : setTimeout(() => document.hidden || resolve(), ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Say that the service is away, over what was read last; nothing else moves. */
function setAway(text) {
  const bar = byId("away");
  if (bar.hidden && !text) return;
  if (!bar.hidden && !text) announce("The service is back.");
  byId("away-text").textContent = text;
  bar.hidden = !text;
}

byId("away-now").addEventListener("click", () => wake());
document.addEventListener("changed", () => VIEWS[view.dataset.view]?.isStill || wake());
document.addEventListener("visibilitychange", () => document.hidden || VIEWS[view.dataset.view]?.isStill || wake());
addEventListener("online", () => wake());
addEventListener("hashchange", () => go({ isMove: true }));
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  (isIn ? byId("heading") : byId("token")).focus();
});

function tick() {
  byId("clock").textContent = utc(Date.now(), { seconds: true });
}

tick();
setInterval(tick, 1000);
byId("token").focus();
