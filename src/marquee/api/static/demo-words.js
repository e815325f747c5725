// What the demo page says, and of what. A string that becomes a child is always text, never HTML.

import { MarqueeAutocomplete } from "/widget.js";

const count = new Intl.NumberFormat("en");

/** Make an element; children are elements or strings, and a string is always text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Tell screen readers. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

export function plural(number, noun) {
  return `${count.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

export function duration(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** "actor · casting director · born 1980". */
export function whoIs({ professions, birth_year: born, death_year: died }) {
  const words = professions.map((each) => each.replaceAll("_", " "));
  return [...words, MarqueeAutocomplete.words.years(born, died)].filter(Boolean).join(" · ");
}

export function knownFor(titles) {
  return make("ul", { class: "titles", "aria-label": "Known for" }, ...titles.map(({ title, year }) =>
    make("li", { dir: "auto" }, title, year ? make("span", {}, ` ${year}`) : "")));
}

/** How a hit matched, in words. */
export function matchInWords({ kind, edits, matched }, query) {
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

/** The same from a terminal. */
export function curlOf(...addresses) {
  return [make("h2", {}, "From a terminal"), ...addresses.map(copyOf)];
}

function copyOf(address) {
  // URLSearchParams percent-encodes quotes, so the single quotes hold in any shell.
  const command = make("code", {}, `curl '${new URL(address, location.origin)}'`);
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
  return make("div", { class: "curl" }, command, copy);
}
