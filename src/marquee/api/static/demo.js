// The demo page: the element that completes names, result cards, and people's profiles.
// `/?q=…` is a search, `/?person=nm…` a profile; the browser's back and forward go between them.

import "/widget.js";
import { loadProfile } from "/static/demo-profile.js";
import { announce, curlOf, duration, knownFor, make, matchInWords, plural, whoIs } from "/static/demo-words.js";
import { Problem, addressOf, ask } from "/static/service.js";

const NEAR = 0.15; // hits further than this below the first are shown as "less likely"
const EXAMPLE = "jake gylenhal";
const SEARCH = "/v1/actors/search";

const byId = (id) => document.getElementById(id);
const field = byId("name");
const results = byId("results");

// --- Going ----------------------------------------------------------------------------------------------------

/** Go to another state of this page, `/?q=…` say. */
function go(address) {
  if (address !== location.pathname + location.search) {
    history.replaceState({ ...history.state, y: scrollY }, "");
    history.pushState({ from: new URLSearchParams(location.search).get("q") }, "", address);
  }
  render();
}

/** Show what the address says. */
async function render() {
  const params = new URLSearchParams(location.search);
  const person = params.get("person");
  const query = (params.get("q") ?? "").trim();
  field.text = query;
  for (const chip of document.querySelectorAll(".chips a")) {
    if (chip.textContent === query) chip.setAttribute("aria-current", true);
    else chip.removeAttribute("aria-current");
  }
  await load(person ? (signal) => openProfile(person, signal) : (signal) => search(query, signal));
  scrollTo(0, history.state?.y ?? 0);
}

let loading = new AbortController();
let retry = null; // {timer, again}: a repetition that is waiting

/**
 * Run one of what fills the results, and again where that may help. What is in the box by now is left alone,
 * since a repetition may come while somebody types.
 */
async function load(fill) {
  loading.abort();
  const { signal } = (loading = new AbortController());
  clearInterval(retry?.timer);
  retry = null;
  results.setAttribute("aria-busy", true);
  try {
    await fill(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    showProblem(error, () => load(fill));
  } finally {
    if (!signal.aborted) results.removeAttribute("aria-busy");
  }
}

/** Replace the results; a focus inside them stays there. */
function show(...nodes) {
  const isFocused = results.contains(document.activeElement);
  results.replaceChildren(...nodes);
  if (isFocused) results.focus();
}

// --- A person -------------------------------------------------------------------------------------------------

async function openProfile(nconst, signal) {
  const { name, nodes } = await loadProfile(nconst, signal);
  if (!field.text) field.text = name;
  document.title = `${name} - Marquee`;
  const query = history.state?.from;
  const back = query ? [make("p", { class: "back" }, make("a", { href: addressOf("/", { q: query }) },
    `← Results for “${query}”`))] : [];
  show(...back, ...nodes);
  announce(`Profile of ${name}`);
}

// --- Searching ------------------------------------------------------------------------------------------------

async function search(query, signal) {
  document.title = "Marquee";
  if (!query) return show(...curlOf(addressOf(SEARCH, { q: EXAMPLE })));
  // no-store: a round trip to the browser's cache would be no measurement
  const { answer, tripMs } = await ask(SEARCH, { q: query, explain: true }, signal, "no-store");
  showAnswer(answer, tripMs);
}

function showAnswer(answer, tripMs) {
  const { hits, query } = answer;
  const far = hits.findIndex((hit) => hit.score < hits[0].score - NEAR);
  const near = far < 0 ? hits : hits.slice(0, far);
  const rest = far < 0 ? [] : hits.slice(far);
  const card = (hit) => cardOf(hit, query);
  show(
    make("p", { class: "summary quiet" },
      make("span", {}, hits.length ? `${plural(hits.length, "hit")} for “${query}”` : ""),
      make("span", {}, `${duration(tripMs)} round trip, ${duration(answer.took_ms)} in the service`)),
    ...noticeOf(answer),
    ...(near.length ? [make("ol", { class: "cards" }, ...near.map(card))] : []),
    ...(rest.length
      ? [make("h2", {}, "Less likely"), make("ol", { class: "cards less" }, ...rest.map(card))]
      : []),
    ...curlOf(addressOf(SEARCH, { q: query })));
  announce(hits.length ? `${plural(hits.length, "hit")}, first ${hits[0].name}` : `Nobody found for ${query}`);
  if (answer.generation !== shownGeneration) showStatus();
}

function noticeOf({ hits, query, did_you_mean: meant, ambiguous, stale }) {
  const lines = [];
  const say = (...children) => lines.push(make("p", {}, ...children));
  if (!hits.length) say(`Nobody found for “${query}”. Try fewer words, or spell the name as it sounds.`);
  if (meant) say("Did you mean ", make("a", { href: addressOf("/", { q: meant }) }, meant), "?");
  if (ambiguous) say("Several people bear this name; their titles and years tell them apart.");
  if (stale) say("The search engine is away; this is what it answered last.");
  return lines.length ? [make("div", { class: "notice" }, ...lines)] : [];
}

function cardOf(hit, query) {
  const bar = make("div", { class: "bar" });
  bar.style.setProperty("--score", hit.score);
  const reasons = make("ul", { id: `why-${hit.nconst}`, class: "reasons", hidden: "" },
    ...hit.explanation.reasons.map((reason) => make("li", {}, reason)));
  const why = make("button", { type: "button", class: "why", "aria-expanded": false, "aria-controls": reasons.id },
    make("span", { class: "quiet" }, matchInWords(hit.match, query)),
    make("span", { class: "unseen" }, ` (why ${hit.name} stands here)`));
  why.addEventListener("click", () => {
    reasons.hidden = !reasons.hidden;
    why.setAttribute("aria-expanded", !reasons.hidden);
  });
  return make("li", { class: "card" },
    make("div", { class: "person" },
      make("h3", { dir: "auto" }, make("a", { href: addressOf("/", { person: hit.nconst }) }, hit.name)),
      make("p", { class: "who" }, whoIs(hit))),
    make("div", { class: "fit" },
      make("strong", {}, `${Math.round(hit.score * 100)}%`, make("span", { class: "unseen" }, " alike")),
      bar,
      why),
    knownFor(hit.known_for),
    reasons);
}

/** Say what is wrong, and repeat by itself where that may help. */
function showProblem(problem, again) {
  const box = make("div", { class: "notice" },
    make("p", {}, make("strong", {}, problem.title)), make("p", {}, problem.message));
  announce(`${problem.title}: ${problem.message}`);
  show(box);
  if (problem.retryAfterS === null) return;
  let left = problem.retryAfterS;
  const countdown = make("p", { class: "quiet" });
  const now = make("button", { type: "button" }, "Try now");
  now.addEventListener("click", again);
  const tick = () => {
    countdown.textContent = `Trying again in ${left} s`;
    if (left-- <= 0) again();
  };
  box.append(countdown, now);
  tick();
  retry = { timer: setInterval(tick, 1000), again };
}

// --- The footer -----------------------------------------------------------------------------------------------

let shownGeneration = null;

async function showStatus() {
  const source = byId("source");
  try {
    const { answer } = await ask("/v1/status", {}, new AbortController().signal);
    shownGeneration = answer.generation;
    source.textContent = answer.generation ? generationInWords(answer) : "No data are live at the moment.";
    byId("attribution").textContent = answer.attribution;
  } catch (error) {
    source.textContent = error.message;
  }
}

function generationInWords({ generation, counts, data_age_s: ageS, degraded, engine }) {
  return [
    `${plural(counts.actors ?? 0, "actor")} and ${plural(counts.titles ?? 0, "title")}`,
    `generation ${generation}`,
    ageS === null ? "" : `data ${plural(Math.floor(ageS / 3600), "hour")} old`,
    degraded ? `degraded (engine ${engine.status})` : "",
  ].filter(Boolean).join(" · ");
}

// --- The page -------------------------------------------------------------------------------------------------

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  if (matchMedia("(pointer: coarse)").matches) field.blur(); // the keyboard on the screen would hide the hits
  const query = field.text.trim();
  go(query ? addressOf("/", { q: query }) : "/");
});

field.addEventListener("select", ({ detail }) => go(addressOf("/", { person: detail.nconst })));

// Chips, names and "did you mean" are ordinary deep links; here they need no new page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/?']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

new PerformanceObserver((entries) => {
  const last = entries.getEntries().filter(({ name }) => name.includes("/v1/actors/suggest")).at(-1);
  if (last) byId("timing").textContent = `suggested in ${duration(last.duration)}`;
}).observe({ type: "resource" });

addEventListener("popstate", render);
addEventListener("online", () => retry?.again());
history.scrollRestoration = "manual"; // the browser would restore it before there is anything to scroll

if (matchMedia("(pointer: fine)").matches) field.focus(); // on a phone it would raise the keyboard
showStatus();
render();
