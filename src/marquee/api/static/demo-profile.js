// A person's profile and filmography.

import { announce, curlOf, duration, knownFor, make, plural, whoIs } from "/static/demo-words.js";
import { Problem, ask } from "/static/service.js";

const PAGE_SIZE = 25;

/** Fetch a person and the newest credits; resolves to the nodes to show. Throws as `ask` does. */
export async function loadProfile(nconst, signal) {
  const path = `/v1/actors/${encodeURIComponent(nconst)}`;
  const [person, newest] = await Promise.all([
    ask(path, {}, signal, "no-store"),
    ask(`${path}/credits`, { limit: PAGE_SIZE }, signal, "no-store"),
  ]);
  const { actor, stale } = person.answer;
  const nodes = [
    make("article", { class: "profile card" },
      make("div", { class: "person" },
        make("h2", { dir: "auto" }, actor.name),
        make("p", { class: "who" }, whoIs(actor))),
      make("p", { class: "fit quiet" }, `${duration(Math.max(person.tripMs, newest.tripMs))} round trip`),
      knownFor(actor.known_for)),
    stale ? make("p", { class: "notice" }, "The search engine is away; this is what it answered last.") : "",
    make("h2", {}, `Filmography, ${plural(actor.credits_count, "credit")}`),
    ...filmographyOf(`${path}/credits`, actor.credits_count, newest.answer, signal),
    ...curlOf(path, `${path}/credits`),
  ].filter(Boolean);
  return { name: actor.name, nodes };
}

function filmographyOf(path, total, newest, signal) {
  const list = make("ol", { class: "credits" });
  const more = make("button", { type: "button", class: "more" });
  const trouble = make("p", { class: "notice", hidden: "" });
  let lastYear, cursor;

  function add(page) {
    const rows = page.credits.map((credit) => {
      const row = rowOf(credit, credit.year === lastYear);
      lastYear = credit.year;
      return row;
    });
    list.append(...rows);
    cursor = page.next_cursor;
    more.hidden = !cursor;
    more.textContent = `Show more (${list.children.length} of ${total})`;
    return rows;
  }

  more.addEventListener("click", async () => {
    if (more.getAttribute("aria-disabled")) return; // a disabled button would lose the focus
    more.setAttribute("aria-disabled", true);
    try {
      const { answer } = await ask(path, { limit: PAGE_SIZE, cursor }, signal);
      const [first] = add(answer);
      trouble.hidden = true;
      announce(`${plural(answer.credits.length, "credit")} more`);
      if (more.hidden) first?.focus(); // the last page takes the button away
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      trouble.textContent = `${error.title}: ${error.message}`;
      trouble.hidden = false;
      announce(trouble.textContent);
    } finally {
      more.removeAttribute("aria-disabled");
    }
  });
  add(newest);
  return list.children.length ? [list, trouble, more] : [make("p", { class: "quiet" }, "No credits are known.")];
}

function rowOf({ title, year, title_type: type, category, characters }, isSameYear) {
  const kind = type && type !== "movie" ? type.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase() : "";
  const doing = ["actor", "actress"].includes(category) ? "" : (category ?? "").replaceAll("_", " ");
  const part = characters.join(", ") || doing;
  return make("li", { tabindex: -1 },
    make("span", { class: isSameYear ? "year same" : "year" }, String(year ?? "–")),
    make("span", { dir: "auto" }, title, kind ? make("small", {}, ` ${kind}`) : ""),
    make("span", { class: "quiet", dir: "auto" }, part));
}
