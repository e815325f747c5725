// The demo page: a combobox that suggests while somebody types, and result cards.
// Whatever a user or the service says reaches the page as text nodes, never as HTML.

const DEBOUNCE_MS = 80;
const TIMEOUT_MS = 10_000;
const RETRY_S = 5; // where the service doesn't say when to come again
const NEAR = 0.15; // hits further than this below the first are shown as "less likely"

const EXAMPLE = "jake gylenhal";

const byId = (id) => document.getElementById(id);
const input = byId("name");
const results = byId("results");
const count = new Intl.NumberFormat("en");

// --- Asking -------------------------------------------------------------------------------------------------

/** What went wrong, for people; `retryAfterS` is null where asking again is useless. */
class Problem extends Error {
  constructor(title, detail, retryAfterS) {
    super(detail);
    this.title = title;
    this.retryAfterS = retryAfterS;
  }
}

/** GET a JSON answer and the measured round trip. Throws a Problem, or the signal's AbortError. */
async function ask(path, params, signal, cache = "default") {
  const started = performance.now();
  const both = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response, body;
  try {
    response = await fetch(addressOf(path, params), { signal: both, cache });
    body = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw error.name === "TimeoutError"
      ? new Problem("No answer", `The service said nothing for ${TIMEOUT_MS / 1000} seconds.`, RETRY_S)
      : new Problem("No connection", "The service cannot be reached.", RETRY_S);
  }
  const answer = parse(body);
  if (response.ok && answer) return { answer, tripMs: performance.now() - started };
  throw new Problem(
    answer?.title ?? "Something broke",
    answer?.detail ?? `The answer was not one of this service (HTTP ${response.status}).`,
    [429, 502, 503, 504].includes(response.status) ? retryAfterS(response) : null);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function addressOf(path, params) {
  return Object.keys(params).length ? `${path}?${new URLSearchParams(params)}` : path;
}

/** Retry-After is a number of seconds or a date. */
function retryAfterS(response) {
  const header = response.headers.get("Retry-After");
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? RETRY_S : Math.max(1, Math.ceil(seconds));
}

// --- Saying -------------------------------------------------------------------------------------------------

/** Make an element; children are elements or strings, and a string is always text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Tell screen readers. */
function announce(text) {
  byId("announcement").textContent = text;
}

function plural(number, noun) {
  return `${count.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function duration(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function lifeOf({ birth_year: born, death_year: died }) {
  if (born && died) return `${born}–${died}`;
  if (born) return `born ${born}`;
  return died ? `died ${died}` : "";
}

/** The name with its matched parts marked; offsets count UTF-16 units, as JavaScript's strings do. */
function highlighted(name, spans) {
  const parts = make("span", { dir: "auto" });
  let done = 0;
  for (const [start, end] of spans) {
    parts.append(name.slice(done, start), make("mark", {}, name.slice(start, end)));
    done = end;
  }
  parts.append(name.slice(done));
  return parts;
}

/** How a hit matched, in words. */
function matchInWords({ kind, edits, matched }, query) {
  const lettersOff = `${plural(edits, "letter")} off`;
  switch (kind) {
    case "exact":
      return wordsOf(query) === matched.length ? "exact" : "same letters, spaced differently";
    case "prefix":
      return "starts like this";
    case "fuzzy":
      return lettersOff;
    case "phonetic":
      return `sounds alike, ${lettersOff}`;
    case "partial":
      return "part of the name";
    default:
      return kind;
  }
}

function wordsOf(query) {
  return query.replace(/['’`]/g, "").split(/[^\p{L}\p{N}\p{M}]+/u).filter(Boolean).length;
}

// --- The combobox -------------------------------------------------------------------------------------------

/**
 * Suggest while somebody types into `field`, in the WAI-ARIA combobox pattern (list autocomplete, manual selection).
 * `load(text, signal)` resolves to suggestions (an nconst tells one from another), `draw(suggestion)` to the nodes of an option, and `choose` is told
 * the suggestion that was picked. Returns `reset`, which forgets what was asked and closes the list.
 */
function combobox(field, list, { load, draw, choose }) {
  let suggestions = [];
  let active = -1;
  let isDismissed = false; // closed by a key: no answer that is still on its way opens the list again
  let timer = 0;
  let asking = new AbortController();

  function show(isOpen) {
    list.hidden = !isOpen;
    field.setAttribute("aria-expanded", isOpen);
    if (!isOpen) activate(-1);
  }

  function activate(index) {
    list.children[active]?.setAttribute("aria-selected", false);
    active = index;
    const option = list.children[index];
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", true);
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  }

  function fill(found) {
    const kept = suggestions[active]?.nconst;
    suggestions = found;
    active = -1;
    list.replaceChildren(...found.map((suggestion, index) =>
      make("li", { id: `${list.id}-${index}`, role: "option", "aria-selected": false }, ...draw(suggestion))));
    show(found.length > 0 && document.activeElement === field && !isDismissed);
    // Whoever has chosen somebody keeps him, wherever he stands now.
    activate(list.hidden ? -1 : found.findIndex(({ nconst }) => nconst === kept));
    announce(found.length ? `${plural(found.length, "suggestion")}, up and down to choose` : "No suggestions");
  }

  function dismiss() {
    isDismissed = true;
    show(false);
  }

  function reset() {
    clearTimeout(timer);
    asking.abort(); // whatever is still on its way must not overtake what comes next
    suggestions = [];
    show(false);
  }

  /** The last answer stays until the next is here, so that the list never flickers. */
  function suggest(delayMs = DEBOUNCE_MS) {
    const text = field.value;
    if (!text.trim()) return reset();
    isDismissed = false;
    clearTimeout(timer);
    asking.abort();
    const { signal } = (asking = new AbortController());
    timer = setTimeout(async () => {
      const found = await load(text, signal);
      if (!signal.aborted) fill(found);
    }, delayMs);
  }

  function pick(index) {
    const suggestion = suggestions[index];
    reset();
    choose(suggestion);
  }

  function open() {
    isDismissed = false;
    show(suggestions.length > 0);
  }

  function step(by) {
    if (!suggestions.length) return suggest(0);
    open();
    const last = suggestions.length - 1;
    if (active < 0) activate(by > 0 ? 0 : last);
    else activate(active + by > last ? 0 : active + by < 0 ? last : active + by);
  }

  const keys = {
    ArrowDown: (event) => (event.altKey ? open() : step(1)),
    ArrowUp: (event) => (event.altKey ? dismiss() : step(-1)),
    Enter: () => (active < 0 ? "default" : pick(active)),
    Escape: () => (list.hidden ? ((field.value = ""), reset()) : dismiss()),
  };

  field.addEventListener("input", () => suggest());
  field.addEventListener("blur", () => show(false));
  field.addEventListener("keydown", (event) => {
    // While an input method composes, its keys are its own.
    if (event.isComposing || event.keyCode === 229) return;
    if (keys[event.key] && keys[event.key](event) !== "default") event.preventDefault();
    else if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) activate(-1);
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus in the field
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) pick([...list.children].indexOf(option));
  });
  return { reset };
}

const suggester = combobox(input, byId("suggestions"), {
  async load(text, signal) {
    const hint = byId("hint");
    try {
      const { answer } = await ask("/v1/actors/suggest", { q: text }, signal);
      hint.hidden = true;
      return answer.suggestions;
    } catch (error) {
      if (signal.aborted) return [];
      if (!(error instanceof Problem)) throw error;
      // The box stays a plain box. A service that will be back is worth a word, punctuation alone is not.
      hint.textContent = `No suggestions for the moment: ${error.message}`;
      hint.hidden = error.retryAfterS === null;
      return [];
    }
  },
  draw: (suggestion) => [
    highlighted(suggestion.name, suggestion.highlight),
    make("small", {}, lifeOf(suggestion)),
    make("small", {}, suggestion.known_for ?? ""),
  ],
  choose: (suggestion) => search(suggestion.name, suggestion.nconst),
});

// --- Searching ----------------------------------------------------------------------------------------------

let searching = new AbortController();
let retry = null; // {timer, again}: a repetition that is waiting

/** Put a query into the box and the address, and show its hits; `chosen` is the nconst of a picked suggestion. */
function search(query, chosen = null) {
  suggester.reset();
  byId("hint").hidden = true;
  input.value = query;
  history.replaceState(null, "", query ? addressOf("/", { q: query }) : "/");
  for (const chip of document.querySelectorAll(".chips a")) {
    if (chip.textContent === query) chip.setAttribute("aria-current", true);
    else chip.removeAttribute("aria-current");
  }
  find(query, chosen);
}

/** Fetch and show; what is in the box by now is left alone, since a repetition may come while somebody types. */
async function find(query, chosen) {
  searching.abort();
  const { signal } = (searching = new AbortController());
  clearInterval(retry?.timer);
  retry = null;
  if (!query) return show(...curlOf(EXAMPLE));
  results.setAttribute("aria-busy", true);
  try {
    // no-store: a round trip to the browser's cache would be no measurement
    const { answer, tripMs } = await ask("/v1/actors/search", { q: query }, signal, "no-store");
    showAnswer(answer, tripMs, chosen);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    showProblem(error, () => find(query, chosen));
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

function showAnswer(answer, tripMs, chosen) {
  const { hits, query } = answer;
  const far = hits.findIndex((hit) => hit.score < hits[0].score - NEAR);
  const near = far < 0 ? hits : hits.slice(0, far);
  const rest = far < 0 ? [] : hits.slice(far);
  const card = (hit) => cardOf(hit, query, chosen);
  show(
    make("p", { class: "summary quiet" },
      make("span", {}, hits.length ? `${plural(hits.length, "hit")} for “${query}”` : ""),
      make("span", {}, `${duration(tripMs)} round trip, ${duration(answer.took_ms)} in the service`)),
    ...noticeOf(answer),
    ...(near.length ? [make("ol", { class: "cards" }, ...near.map(card))] : []),
    ...(rest.length
      ? [make("h2", {}, "Less likely"), make("ol", { class: "cards less" }, ...rest.map(card))]
      : []),
    ...curlOf(query));
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

function cardOf(hit, query, chosen) {
  const who = [...hit.professions.map((each) => each.replaceAll("_", " ")), lifeOf(hit)].filter(Boolean);
  const bar = make("div", { class: "bar" });
  bar.style.setProperty("--score", hit.score);
  return make("li", { class: "card", ...(hit.nconst === chosen ? { "aria-current": true } : {}) },
    make("div", { class: "person" },
      make("h3", { dir: "auto" }, hit.name),
      make("p", { class: "who" }, who.join(" · "))),
    make("div", { class: "fit" },
      make("strong", {}, `${Math.round(hit.score * 100)}%`, make("span", { class: "unseen" }, " alike")),
      bar,
      make("span", { class: "quiet" }, matchInWords(hit.match, query))),
    make("ul", { class: "titles", "aria-label": "Known for" }, ...hit.known_for.map(({ title, year }) =>
      make("li", {}, title, year ? make("span", {}, ` ${year}`) : ""))));
}

/** The same search from a terminal. */
function curlOf(query) {
  const address = new URL(addressOf("/v1/actors/search", { q: query }), location.origin);
  // URLSearchParams percent-encodes quotes, so the single quotes hold in any shell.
  const command = make("code", {}, `curl '${address}'`);
  const copy = make("button", { type: "button" }, "Copy as curl");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
      announce("Copied");
    } catch {
      // Pages that did not come over https or from this machine have no clipboard: leave it selected.
      getSelection().selectAllChildren(command);
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy as curl"), 2000);
  });
  return [make("h2", {}, "From a terminal"), make("div", { class: "curl" }, command, copy)];
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

// --- The footer ---------------------------------------------------------------------------------------------

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

// --- The page -----------------------------------------------------------------------------------------------

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  if (matchMedia("(pointer: coarse)").matches) input.blur(); // the keyboard on the screen would hide the hits
  search(input.value.trim());
});

// Chips and "did you mean" are ordinary deep links; here they need no new page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/?q=']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  search(new URL(link.href).searchParams.get("q"));
});

addEventListener("online", () => retry?.again());

if (matchMedia("(pointer: fine)").matches) input.focus(); // on a phone it would raise the keyboard
showStatus();
search((new URLSearchParams(location.search).get("q") ?? "").trim());
