// <marquee-autocomplete>: completes the names of actors while they are typed, typos tolerated.
// One module without dependencies, in the WAI-ARIA combobox pattern (list autocomplete, manual selection).
// Whatever a user or the service says reaches the page as text nodes, never as HTML.

const HOME = new URL(".", import.meta.url).href;
const MAX_LETTERS = 200; // the service takes no more
const MAX_RETRY_S = 30; // where the service doesn't say when to come again
const FORWARDED = ["placeholder", "enterkeyhint"];

// Properties of its own begin with an underscore: a page may set --marquee-accent to its --accent.
// Colours follow the page's own color-scheme, so that they fit a page that is light whatever the system prefers.
const STYLE = `
:host { display: inline-block; position: relative; min-width: 12rem; text-align: start;
  --_accent: var(--marquee-accent, light-dark(#97182a, #ffc766));
  --_background: var(--marquee-background, light-dark(#fff, #201a15));
  --_color: var(--marquee-color, light-dark(#211b14, #f4ecdf));
  --_quiet: var(--marquee-quiet, light-dark(#645949, #b8aa97));
  --_border: var(--marquee-border, light-dark(#8a7d69, #8b7c6a));
  --_active: var(--marquee-active, light-dark(#f3e6cd, #352a1f));
  --_mark: var(--marquee-mark, light-dark(#ffe3a3, #5d4412));
  --_radius: var(--marquee-radius, .5rem); }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
label { display: block; margin-block-end: .3em; }
.field { position: relative; height: var(--marquee-height, 2.75rem); }
input { width: 100%; height: 100%; margin: 0; padding: 0 2.75rem 0 .8em; font: inherit;
  border: 1px solid var(--_border); border-radius: var(--_radius); background: var(--_background); color: var(--_color);
  text-overflow: ellipsis; }
.field:dir(rtl) input { padding: 0 .8em 0 2.75rem; } /* the page's direction, whatever is typed: there is the button */
input::placeholder { color: var(--_quiet); opacity: 1; }
input:disabled { opacity: .6; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: -1px; }
button { position: absolute; inset-block: 0; inset-inline-end: 0; width: 2.75rem; padding: 0; border: 0;
  background: none; color: var(--_quiet); font: 1.4em/1 system-ui, sans-serif; cursor: pointer; }
button:hover { color: var(--_color); }
.progress { position: absolute; inset: auto 1px 1px; height: 3px; direction: ltr; overflow: hidden; opacity: 0; pointer-events: none;
  border-radius: 0 0 var(--_radius) var(--_radius); }
.busy .progress { opacity: 1; transition: opacity 0s .3s; } /* quick answers don't flicker */
.progress::before { content: ""; display: block; width: 100%; height: 100%; background: var(--_accent); }
.popup { position: absolute; z-index: 10; inset-block-start: 100%; inset-inline: 0; margin-block: .35rem;
  overflow: hidden; border: 1px solid var(--_border); border-radius: var(--_radius); background: var(--_background);
  color: var(--_color); box-shadow: var(--marquee-shadow, 0 8px 24px rgb(0 0 0 / 18%)); }
.popup.above { inset-block: auto 100%; }
ul { max-height: var(--_room); margin: 0; padding: .3rem; overflow-y: auto; overscroll-behavior: contain; list-style: none; }
li { display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; align-items: baseline; padding: .4rem .6rem;
  border-inline-start: 3px solid transparent; border-radius: calc(var(--_radius) * .7); overflow-wrap: anywhere;
  cursor: pointer; }
li:hover { background: color-mix(in srgb, var(--_active) 55%, transparent); }
li[aria-selected=true] { border-color: var(--_accent); background: var(--_active); }
mark { border-radius: .15em; background: var(--_mark); color: inherit; font-weight: 600; }
.years, .known-for, .message { color: var(--_quiet); font-size: .875em; }
.name, .known-for { justify-self: start; } /* each reads its own way, and begins where the list does */
.known-for { grid-column: 1 / -1; }
.message { margin: 0; padding: .7rem .95rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (pointer: coarse) {
  input { font-size: max(16px, 1em); } /* below 16 px iOS zooms in */
  li { min-height: 2.75rem; align-content: center; }
}
@media (prefers-reduced-motion: no-preference) {
  .busy .progress::before { width: 40%; animation: pass 1s linear infinite alternate; }
  @keyframes pass { to { transform: translateX(150%); } }
}
@media (forced-colors: active) {
  li { border-color: Canvas; }
  li[aria-selected=true] { forced-color-adjust: none; border-color: Highlight; background: Highlight; color: HighlightText; }
  li[aria-selected=true] * { color: inherit; }
  mark { forced-color-adjust: none; background: none; text-decoration: underline; }
}`;

let sheet; // shared by all elements of a page

/** Make an element; children are elements or strings, and a string is always text. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A class for the style sheet here, and a part for those of the page. */
const named = (name) => ({ class: name, part: name });

/** The name with its matched letters marked; offsets count UTF-16 units, as JavaScript's strings do. */
function* mark(name, spans) {
  let done = 0;
  for (const [start, end] of spans) {
    yield name.slice(done, start);
    yield make("mark", { part: "mark" }, name.slice(start, end));
    done = end;
  }
  yield name.slice(done);
}

/** Retry-After is a number of seconds or a date; null where there is none. */
function readRetryAfter(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  // An hour at most: the element is to recover by itself, and a browser's timers overflow.
  return Number.isNaN(seconds) ? null : Math.min(3600, Math.max(1, Math.ceil(seconds)));
}

/** Why there is no answer. `kind` is the last part of a problem's type, or unreachable, timeout, foreign. */
class Trouble extends Error {
  constructor(kind, message, { status = 0, retryAfterS = null, isPassing = true } = {}) {
    super(message);
    Object.assign(this, { kind, status, retryAfterS, isPassing });
  }
}

/** GET what `isAnswer` says is an answer; throws a Trouble. */
async function ask(url, signal, isAnswer) {
  let response, body;
  try {
    response = await fetch(url, { signal, headers: { Accept: "application/json" } });
    body = await response.json();
  } catch (error) {
    if (signal.aborted) throw new Trouble("timeout", "no answer in time");
    if (!response) throw new Trouble("unreachable", error.message);
  }
  if (response.ok && isAnswer(body)) return body;
  const { status, headers } = response;
  const kind = typeof body?.type === "string" ? body.type.split("/").pop() : "foreign";
  throw new Trouble(kind, String(body?.detail ?? "no answer of the service"), {
    status,
    retryAfterS: readRetryAfter(headers.get("Retry-After")),
    isPassing: status === 429 || status >= 500 || kind === "foreign",
  });
}

export class MarqueeAutocomplete extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = [...FORWARDED, "aria-label", "label", "name", "text-name", "required", "value", "text"];

  /** What it says; assign others to speak another language. */
  static words = {
    suggestions: (number) => `${number} suggestion${number === 1 ? "" : "s"}, up and down to choose`,
    list: "Suggestions",
    nobody: "Nobody found. Fewer letters may find more.",
    away: "No suggestions for the moment; you can go on typing.",
    tooLong: `No suggestions for more than ${MAX_LETTERS} letters.`,
    chosen: (name) => `${name} chosen`,
    choose: "Choose somebody from the suggestions.",
    clear: "Clear",
    years: (born, died) => (born && died ? `${born}–${died}` : born ? `born ${born}` : died ? `died ${died}` : ""),
  };

  #internals = this.attachInternals();
  #input = make("input", {
    id: "input", part: "input", type: "text", dir: "auto", role: "combobox", "aria-autocomplete": "list",
    "aria-expanded": false, "aria-controls": "list", "aria-describedby": "message",
    autocomplete: "off", autocapitalize: "off", autocorrect: "off", spellcheck: false,
  });
  #label = make("label", { part: "label", for: "input" });
  #labelText = make("slot", { name: "label" });
  #clear = make("button", { part: "clear", type: "button", tabindex: -1 }, "×");
  #list = make("ul", { id: "list", part: "list", role: "listbox" });
  #message = make("p", { id: "message", ...named("message") });
  #popup = make("div", named("popup"), this.#list, this.#message);
  #field = make("div", named("field"), this.#input, make("div", named("progress")), this.#clear);
  #status = make("div", { class: "unseen", role: "status" });

  #chosen = null; // the suggestion that was chosen
  #isTouched = false; // the attributes value and text are what it begins with, as an input's
  #suggestions = [];
  #active = -1;
  #isDismissed = false; // closed by a key: no answer that is still on its way opens the list again
  #isOff = false;
  #timer = 0;
  #asking = null; // the AbortController of the request under way
  #lookingUp = null; // the same of the request for a name
  #failures = 0; // in a row
  #restUntil = 0; // the service is away; it is asked again then

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#label.append(this.#labelText);
    this.#popup.hidden = true;
    this.#field.append(this.#popup);
    root.append(this.#label, this.#field, this.#status);

    this.#labelText.addEventListener("slotchange", () => this.#takeName());
    this.#input.addEventListener("input", () => this.#edit());
    this.#input.addEventListener("focus", () => {
      this.#takeName(); // labels may have come or changed since
      if (this.#failures && !this.#chosen) this.#suggest(0);
    });
    this.#input.addEventListener("blur", () => this.#open(false));
    this.#input.addEventListener("keydown", (event) => {
      // While an input method composes, its keys are its own.
      if (!event.isComposing && event.keyCode !== 229 && this.#press(event)) event.preventDefault();
    });
    this.#field.addEventListener("mousedown", (event) => {
      if (event.target !== this.#input) event.preventDefault(); // keeps the focus in the field
    });
    this.#list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#choose([...this.#list.children].indexOf(option));
    });
    this.#clear.addEventListener("click", () => {
      this.#empty();
      this.#input.focus();
    });
  }

  connectedCallback() {
    this.#clear.setAttribute("aria-label", MarqueeAutocomplete.words.clear);
    this.#list.setAttribute("aria-label", MarqueeAutocomplete.words.list);
    if (!this.#isTouched) this.formResetCallback();
    this.#takeName();
    // A label may stand below the element.
    if (document.readyState === "loading") {
      document.addEventListener("DOMContentLoaded", () => this.#takeName(), { once: true });
    }
    addEventListener("online", this.#wake);
  }

  disconnectedCallback() {
    removeEventListener("online", this.#wake);
    this.#stop();
  }

  attributeChangedCallback(name, _, value) {
    if (FORWARDED.includes(name)) {
      if (value === null) this.#input.removeAttribute(name);
      else this.#input.setAttribute(name, value);
    } else if (name.includes("label")) this.#takeName();
    else if (!this.isConnected) return;
    else if (["value", "text"].includes(name) && !this.#isTouched) this.formResetCallback();
    else this.#submit();
  }

  formResetCallback() {
    this.#hold(this.getAttribute("value") ?? "", this.getAttribute("text") ?? "");
    this.#isTouched = false;
  }

  formStateRestoreCallback(state, mode) {
    if (mode === "restore") this.#hold(...JSON.parse(state));
  }

  formDisabledCallback(isDisabled) {
    this.#isOff = this.#input.disabled = isDisabled;
    this.#stop();
    this.#paintText();
  }

  /** The nconst of who was chosen, else "". */
  get value() {
    return this.#chosen?.nconst ?? "";
  }

  set value(nconst) {
    if (nconst !== this.value) this.#hold(nconst ?? "", "");
  }

  /** What stands in the field. */
  get text() {
    return this.#input.value;
  }

  set text(text) {
    this.#hold("", text ?? "");
  }

  get name() {
    return this.getAttribute("name") ?? "";
  }

  set name(name) {
    this.setAttribute("name", name);
  }

  get disabled() {
    return this.hasAttribute("disabled");
  }

  set disabled(isDisabled) {
    this.toggleAttribute("disabled", isDisabled);
  }

  get required() {
    return this.hasAttribute("required");
  }

  set required(isRequired) {
    this.toggleAttribute("required", isRequired);
  }

  get type() {
    return "marquee-autocomplete";
  }

  get form() {
    return this.#internals.form;
  }

  get labels() {
    return this.#internals.labels;
  }

  get validity() {
    return this.#internals.validity;
  }

  get validationMessage() {
    return this.#internals.validationMessage;
  }

  get willValidate() {
    return this.#internals.willValidate;
  }

  blur() {
    this.#input.blur();
  }

  checkValidity() {
    return this.#internals.checkValidity();
  }

  reportValidity() {
    return this.#internals.reportValidity();
  }

  // --- As a form's field ------------------------------------------------------------------------------------

  /** Show somebody or a text without telling anybody; a name that isn't given is looked up. */
  #hold(nconst, text) {
    this.#stop();
    this.#forgetLookUp();
    this.#show([], "");
    this.#isTouched = true;
    this.#chosen = nconst ? { nconst, name: text } : null;
    this.#input.value = text || nconst;
    this.#paintText();
    if (nconst && !text) this.#lookUp(nconst);
  }

  async #lookUp(nconst) {
    const lookingUp = (this.#lookingUp = new AbortController());
    try {
      const url = this.#address(`v1/actors/${encodeURIComponent(nconst)}`);
      const { actor } = await ask(url, lookingUp.signal, (body) => typeof body?.actor?.name === "string");
      if (lookingUp !== this.#lookingUp) return;
      this.#chosen = actor;
      this.#input.value = actor.name;
      this.#paintText();
    } catch (trouble) {
      if (lookingUp === this.#lookingUp) this.#tell("error", trouble);
    }
  }

  /** Somebody else is meant by now. */
  #forgetLookUp() {
    this.#lookingUp?.abort();
    this.#lookingUp = null;
  }

  #paintText() {
    this.#clear.hidden = !this.text || this.#isOff;
    this.#submit();
  }

  /** Hand the form what it is to send, and to restore. */
  #submit() {
    const sent = new FormData();
    const textName = this.getAttribute("text-name");
    if (this.name) sent.append(this.name, this.value);
    if (textName) sent.append(textName, this.text);
    this.#internals.setFormValue(sent, JSON.stringify([this.value, this.text]));
    // Nobody can choose while the service is away; what was typed must do.
    const isMissing = this.required && !this.value && !(this.#failures && this.text.trim());
    if (isMissing) {
      this.#internals.setValidity({ valueMissing: true }, MarqueeAutocomplete.words.choose, this.#input);
    } else this.#internals.setValidity({});
  }

  /** The field is called what the page calls this element. */
  #takeName() {
    const label = this.getAttribute("label") ?? "";
    // What stands in a slot by default counts as a change of the slot: writing it again would never end.
    if (this.#labelText.textContent !== label) this.#labelText.textContent = label;
    this.#label.hidden = !this.#labelText.assignedNodes({ flatten: true }).some((node) => node.textContent.trim());
    const outer = [...this.#internals.labels].map((label) => label.textContent.trim()).join(" ");
    const name = this.getAttribute("aria-label") || (this.#label.hidden ? outer : "");
    if (name) this.#input.setAttribute("aria-label", name);
    else this.#input.removeAttribute("aria-label");
  }

  #tell(type, detail, bubbles = false) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles, composed: bubbles }));
  }

  // --- Typing and choosing ----------------------------------------------------------------------------------

  #edit() {
    this.#isTouched = true;
    this.#release();
    this.#suggest();
  }

  /** Whoever was chosen is so no longer. */
  #release() {
    const wasChosen = this.#chosen;
    this.#chosen = null;
    this.#forgetLookUp();
    this.#paintText();
    if (wasChosen || !this.text) this.#tell("clear", wasChosen, true);
    if (wasChosen) this.#tell("change", undefined, true);
  }

  #empty() {
    this.#input.value = "";
    this.#edit();
  }

  #choose(index) {
    const suggestion = this.#suggestions[index];
    this.#hold(suggestion.nconst, suggestion.name);
    this.#chosen = suggestion;
    this.#status.textContent = MarqueeAutocomplete.words.chosen(suggestion.name);
    this.#tell("select", suggestion, true);
    this.#tell("change", undefined, true);
  }

  /** Do what a key does; returns whether that was all of it. */
  #press({ key, altKey }) {
    const isOpen = !this.#popup.hidden;
    const isActive = this.#active >= 0;
    switch (key) {
      case "ArrowDown":
      case "ArrowUp": {
        const by = key === "ArrowDown" ? 1 : -1;
        if (altKey && by < 0) this.#dismiss();
        else if (!this.#suggestions.length) this.#suggest(0);
        else {
          this.#isDismissed = false;
          this.#open(true);
          if (!altKey) this.#step(by);
        }
        return true;
      }
      case "Enter":
        if (isActive) this.#choose(this.#active);
        else this.#enter();
        return true;
      case "Escape":
        if (isOpen) this.#dismiss();
        else if (this.text) this.#empty();
        else return false; // a dialog around it closes
        return true;
      case "Tab":
        if (isActive) this.#choose(this.#active); // and moves on
        return false;
      case "ArrowLeft":
      case "ArrowRight":
      case "Home":
      case "End":
        this.#activate(-1); // they move in the text
    }
    return false;
  }

  /** What Enter does in a form's field. */
  #enter() {
    const { form } = this;
    this.#stop();
    this.#open(false);
    if (!form) return;
    const button = [...form.elements].find(({ type }) => type === "submit" || type === "image");
    if (button) button.click();
    else form.requestSubmit();
  }

  #dismiss() {
    this.#isDismissed = true;
    this.#open(false);
  }

  #step(by) {
    const { length } = this.#suggestions;
    const from = this.#active < 0 && by < 0 ? length : this.#active;
    this.#activate((from + by + length) % length);
  }

  #activate(index) {
    const paint = (option, isActive) => {
      option?.setAttribute("aria-selected", isActive);
      option?.setAttribute("part", isActive ? "option active" : "option");
    };
    paint(this.#list.children[this.#active], false);
    const option = this.#list.children[index];
    this.#active = option ? index : -1;
    if (!option) return this.#input.removeAttribute("aria-activedescendant");
    paint(option, true);
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  // --- Asking -----------------------------------------------------------------------------------------------

  #number(attribute, otherwise) {
    const number = parseInt(this.getAttribute(attribute), 10);
    return number >= 0 ? number : otherwise;
  }

  #address(path) {
    const home = new URL(this.getAttribute("src") || HOME, document.baseURI).href;
    return new URL(path, home.endsWith("/") ? home : `${home}/`);
  }

  /** Ask for what stands in the field, in a moment; while the service is away, when it may be back. */
  #suggest(delayMs = this.#number("debounce", 80)) {
    clearTimeout(this.#timer);
    this.#isDismissed = false;
    const text = this.text;
    if (!text.trim()) {
      this.#stop();
      this.#show([], "");
    } else if ([...text].length > MAX_LETTERS) {
      this.#stop();
      this.#show([], MarqueeAutocomplete.words.tooLong);
    } else {
      if (this.#failures) this.#show([], MarqueeAutocomplete.words.away);
      this.#wait(delayMs);
    }
  }

  #wait(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), Math.max(delayMs, this.#restUntil - performance.now()));
  }

  /** A request ends when the next begins, so that no older answer overtakes it; the list stays until then. */
  async #load() {
    this.#stop();
    const asking = (this.#asking = new AbortController());
    const deadline = setTimeout(() => asking.abort(), this.#number("timeout", 5000));
    this.#field.classList.add("busy");
    const url = this.#address("v1/actors/suggest");
    url.searchParams.set("q", this.text);
    const limit = this.#number("limit");
    if (limit) url.searchParams.set("limit", Math.min(50, limit));
    let answer, trouble;
    try {
      answer = await ask(url, asking.signal, (body) => Array.isArray(body?.suggestions));
    } catch (error) {
      trouble = error;
    }
    clearTimeout(deadline);
    if (asking !== this.#asking) return; // it was stopped
    this.#end(); // and no more: a letter typed since is waiting to be asked for
    if (trouble) this.#fail(trouble);
    else this.#take(answer.suggestions);
  }

  /** Nothing that is still on its way may come in between. */
  #stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#end();
  }

  #end() {
    this.#asking = null;
    this.#field.classList.remove("busy");
  }

  #take(suggestions) {
    this.#recover();
    this.#show(suggestions, suggestions.length ? "" : MarqueeAutocomplete.words.nobody);
  }

  #recover() {
    this.#restUntil = 0;
    if (!this.#failures) return;
    this.#failures = 0;
    this.#submit();
  }

  /** The field stays a plain one, and the service is asked again by itself. */
  #fail(trouble) {
    if (trouble.kind === "empty-query") return this.#show([], ""); // punctuation alone
    if (trouble.isPassing) {
      this.#failures++;
      const restS = trouble.retryAfterS ?? Math.min(MAX_RETRY_S, 2 ** this.#failures);
      this.#restUntil = performance.now() + restS * 1000;
      this.#submit();
      if (this.#isFocused()) this.#wait(0); // whoever has gone elsewhere needs no suggestions
    }
    this.#show([], MarqueeAutocomplete.words.away);
    this.#tell("error", trouble);
  }

  #wake = () => {
    this.#restUntil = 0;
    if (this.#failures && this.#isFocused()) this.#wait(0);
  };

  // --- Showing ----------------------------------------------------------------------------------------------

  #isFocused() {
    return this.shadowRoot.activeElement === this.#input;
  }

  #show(suggestions, message) {
    const kept = this.#suggestions[this.#active]?.nconst;
    this.#activate(-1);
    this.#suggestions = suggestions;
    this.#list.replaceChildren(...suggestions.map(draw));
    this.#list.hidden = !suggestions.length;
    this.#list.scrollTop = 0;
    this.#message.textContent = message;
    this.#message.hidden = !message;
    this.#status.textContent = suggestions.length ? MarqueeAutocomplete.words.suggestions(suggestions.length) : message;
    this.#open(!this.#isDismissed && this.#isFocused());
    // Whoever is active stays so, wherever he stands now.
    if (!this.#popup.hidden) this.#activate(suggestions.findIndex(({ nconst }) => nconst === kept));
  }

  #open(isWanted) {
    const isOpen = isWanted && !(this.#list.hidden && this.#message.hidden);
    this.#popup.hidden = !isOpen;
    this.#input.setAttribute("aria-expanded", isOpen && !this.#list.hidden);
    if (!isOpen) return this.#activate(-1);
    const { top, bottom } = this.#field.getBoundingClientRect();
    // What a keyboard on the screen covers is no room.
    const below = (window.visualViewport?.height ?? innerHeight) - bottom;
    const isAbove = below < 200 && top > below;
    this.#popup.classList.toggle("above", isAbove);
    this.#popup.style.setProperty("--_room", `${Math.min(480, Math.max(120, (isAbove ? top : below) - 24))}px`);
  }
}

function draw({ name, birth_year, death_year, known_for, highlight }, index) {
  return make(
    "li", { id: `option-${index}`, part: "option", role: "option", "aria-selected": false },
    make("span", { ...named("name"), dir: "auto" }, ...mark(String(name), highlight ?? [])), " ",
    make("span", named("years"), MarqueeAutocomplete.words.years(birth_year, death_year)), " ",
    make("span", { ...named("known-for"), dir: "auto" }, known_for ?? ""));
}

// A page may load it from two hosts.
if (!customElements.get("marquee-autocomplete")) customElements.define("marquee-autocomplete", MarqueeAutocomplete);
