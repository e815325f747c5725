// Elements made by script, and brought up to date in place. A string always becomes a text node: whatever the
// service says is never HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. An attribute that is null or false is left out, `on…` takes a function, `--name` is a variable
 * of the element's style. Children are nodes, strings, or lists of them; null, false and "" are left out.
 */
export function make(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same for the parts of a picture. */
export function picture(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) element[name] = value;
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flatten(children));
  return element;
}

function flatten(children) {
  return children
    .flat(Infinity)
    .filter((child) => child || child === 0)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/**
 * Show nodes in a place, changing only what differs from what is there: a refresh moves nothing, and leaves the
 * focus, the selection and what was unfolded alone. `data-key` tells the members of a list apart, and what has
 * `data-still` is made once and never changed.
 */
export function show(place, ...nodes) {
  const keyed = new Map([...place.children].filter((each) => each.dataset.key).map((each) => [each.dataset.key, each]));
  let at = place.firstChild;
  for (const fresh of flatten(nodes)) {
    const key = fresh.dataset?.key;
    const old = key ? keyed.get(key) : at && !at.dataset?.key ? at : null;
    if (!old || !isAlike(old, fresh)) {
      place.insertBefore(fresh, at);
      continue;
    }
    if (old === at) at = at.nextSibling;
    else place.insertBefore(old, at);
    update(old, fresh);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function isAlike(old, fresh) {
  return old.nodeName === fresh.nodeName && old.id === fresh.id;
}

function update(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute("data-still")) return;
  for (const { name } of [...old.attributes]) {
    // Whether something is unfolded is the reader's affair.
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "style") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // The policy forbids the attribute, not the property.
  if (old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
  for (const handler of ["onclick", "onsubmit", "onchange", "oninput"]) old[handler] = fresh[handler];
  show(old, ...fresh.childNodes);
}

/** A table; each row is a list of cells, and its key. `numeric` names the columns that hold numbers. */
export function table(caption, columns, rows, { numeric = [] } = {}) {
  const kind = (index) => (numeric.includes(index) ? "number" : null);
  return make(
    "div",
    { class: "scroller" },
    make(
      "table",
      {},
      make("caption", { class: "unseen" }, caption),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          columns.map((each, index) => make("th", { scope: "col", class: kind(index) }, each)),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map(({ key, cells, state }) =>
          make(
            "tr",
            { "data-key": key, class: state },
            cells.map((each, index) =>
              make(
                index ? "td" : "th",
                { scope: index ? null : "row", class: kind(index), "data-label": columns[index] },
                make("div", {}, each),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Pairs of a name and what it is. */
export function facts(pairs) {
  return make(
    "dl",
    { class: "facts" },
    pairs
      .filter(Boolean)
      .map(([name, ...what]) => make("div", { "data-key": name }, make("dt", {}, name), make("dd", {}, what))),
  );
}

/** A word with a colour; the colour never stands alone. */
export function badge(word, mood = "") {
  return make("span", { class: `badge ${mood}` }, word);
}

export function card(title, ...children) {
  return make("section", { class: "card", "data-key": title }, make("h3", {}, title), children);
}

export function button(text, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, text);
}

export function empty(...children) {
  return make("p", { class: "empty" }, children);
}
