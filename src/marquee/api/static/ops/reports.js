// Reports as readable pages: what the gate looked at, what a dry run found, what was wrong with a source's files.

import { badge, card, empty, make, table } from "./elements.js";
import { code, count, link, percent, plural } from "./words.js";

/** What the gate looked at, what did not pass first. */
export function gateOf(report) {
  if (!report?.checks) return [empty("The gate was not asked.")];
  const checks = [...report.checks].sort((one, other) => one.passed - other.passed);
  const failed = checks.filter((each) => !each.passed);
  return [
    make(
      "p",
      { class: "line" },
      badge(report.passed ? "passed" : report.forced ? "forced" : "refused", report.passed ? "good" : "bad"),
      " ",
      failed.length
        ? `${count(failed.length)} of ${plural(checks.length, "check")} did not pass`
        : `all ${plural(checks.length, "check")} passed`,
      report.against ? [", compared with ", link("generations", report.against)] : ", without a comparison",
    ),
    table(
      "Checks of the gate",
      ["Check", "Result", "Found", "Limit", "In words"],
      checks.map((each) => ({
        key: each.name,
        state: each.passed ? "" : "bad",
        cells: [
          each.name,
          badge(each.passed ? "passed" : "failed", each.passed ? "good" : "bad"),
          amount(each, each.value),
          amount(each, each.limit),
          each.detail,
        ],
      })),
      { numeric: [2, 3] },
    ),
  ];
}

/** Most checks measure shares; `any …` count documents. */
function amount({ name }, value) {
  if (value === null || value === undefined) return "–";
  return name.startsWith("any ") ? count(value) : percent(value);
}

/** What a reindex would change. */
export function differenceOf(difference) {
  return [
    make(
      "p",
      {},
      difference.against
        ? ["Compared with ", link("generations", difference.against), ". Nothing was indexed."]
        : "Nothing is live: everything would be added. Nothing was indexed.",
    ),
    ["actors", "titles"].map((kind) => kindOf(kind, difference[kind])),
  ];
}

function kindOf(kind, found) {
  const parts = [
    ["added", "good"],
    ["removed", "bad"],
    ["changed", "warn"],
    ["unchanged", ""],
  ];
  const all = Math.max(
    1,
    parts.reduce((sum, [name]) => sum + found[name], 0),
  );
  return make(
    "section",
    { class: "kind", "data-key": kind },
    make("h4", {}, kind === "actors" ? "Actors" : "Titles"),
    make(
      "dl",
      { class: "tiles" },
      parts.map(([name, mood]) =>
        make(
          "div",
          { class: `tile ${found[name] ? mood : ""}` },
          make("dt", {}, name),
          make("dd", {}, count(found[name]), make("small", {}, percent(found[name] / all))),
        ),
      ),
    ),
    make(
      "div",
      { class: "parts", "aria-hidden": true },
      parts.map(([name, mood]) => make("span", { class: mood, "--share": found[name] / all })),
    ),
    make(
      "div",
      { class: "grid" },
      examplesOf(`Most popular ${kind} that would be added`, found.most_popular_added),
      examplesOf(`Most popular ${kind} that would be removed`, found.most_popular_removed),
    ),
    found.most_popular_changed.length > 0 &&
      make(
        "details",
        { open: true, "data-key": "changed" },
        make("summary", {}, `Most popular ${kind} that would change`),
        table(
          `Most popular ${kind} that would change`,
          ["Name", "Id", "What changes"],
          found.most_popular_changed.map((each) => ({
            key: each.id,
            cells: [make("bdi", {}, each.name), code(each.id), make("ul", {}, changesOf(each))],
          })),
        ),
      ),
  );
}

function changesOf({ fields, before, after }) {
  const name = (field) => field.replaceAll("_", " ");
  const lists = fields.filter((field) => !(field in before)); // of which no values are told
  return [
    fields
      .filter((field) => field in before)
      .map((field) =>
        make(
          "li",
          {},
          make("strong", {}, name(field)),
          " ",
          make("del", {}, value(before[field])),
          " → ",
          make("ins", {}, value(after[field])),
        ),
      ),
    lists.length > 0 && make("li", { class: "quiet" }, lists.map(name).join(", ")),
  ];
}

const value = (found) => (found === null ? "nothing" : String(found));

function examplesOf(title, examples) {
  return (
    examples.length > 0 &&
    make(
      "details",
      { open: true, "data-key": title },
      make("summary", {}, title),
      table(
        title,
        ["Name", "Id", "Popularity"],
        examples.map((each) => ({
          key: each.id,
          cells: [make("bdi", {}, each.name), code(each.id), each.popularity.toFixed(2)],
        })),
        { numeric: [2] },
      ),
    )
  );
}

/** What was wrong with the files of a source, with examples as they stand in them. */
export function qualityOf(quality) {
  const files = ["names", "titles", "principals", "ratings"].map((each) => quality[each]).filter(Boolean);
  const rejected = (file) => Object.values(file.rejects).reduce((sum, each) => sum + each.count, 0);
  return [
    card(
      "Rows",
      table(
        "Rows of each file",
        ["File", "Rows", "Used", "Rejected", "Repeated", "Pointing nowhere", "Left out"],
        files.map((file) => ({
          key: file.file,
          state: rejected(file) ? "warn" : "",
          cells: [
            code(file.file),
            count(file.rows),
            count(file.used),
            rejected(file) ? `${count(rejected(file))} (${percent(rejected(file) / file.rows)})` : "0",
            count(file.duplicates),
            told(file.orphans),
            told(file.left_out),
          ],
        })),
        { numeric: [1, 2, 3, 4, 5, 6] },
      ),
    ),
    card(
      "Rejected rows",
      files.some(rejected) ? files.filter(rejected).map(rejectsOf) : empty("Every row could be used."),
    ),
    card(
      "Unusable values",
      make(
        "ul",
        { class: "plain" },
        files.flatMap((file) =>
          Object.entries(file.nulled).map(([column, amount]) =>
            make("li", {}, code(file.file), ` ${plural(amount, "unusable value")} of ${column}, read as unknown`),
          ),
        ),
        files.flatMap((file) =>
          Object.entries(file.repaired).map(([what, amount]) =>
            make("li", {}, code(file.file), ` ${count(amount)} ${what} put right`),
          ),
        ),
        make(
          "li",
          {},
          `${count(quality.known_for_unresolved ?? 0)} of ${count(quality.known_for ?? 0)} known-for titles are not in the files`,
        ),
        make(
          "li",
          {},
          `${plural(quality.unsearchable_names ?? 0, "name")} without any letter or digit: found by id only`,
        ),
      ),
    ),
  ];
}

const told = (amounts) =>
  Object.entries(amounts)
    .map(([what, number]) => `${what}: ${count(number)}`)
    .join(", ") || "0";

function rejectsOf(file) {
  return Object.entries(file.rejects).map(([reason, { count: amount, examples }]) =>
    make(
      "details",
      { open: true, "data-key": `${file.file} ${reason}` },
      make("summary", {}, code(file.file), ` ${reason}: ${plural(amount, "row")}`),
      make(
        "ol",
        { class: "rejects" },
        examples.map((each) =>
          make(
            "li",
            {},
            make("span", { class: "quiet" }, `line ${count(each.line)}`),
            make("pre", {}, visible(each.text)),
          ),
        ),
      ),
    ),
  );
}

/** Tabs part the fields of a row: they are made visible, as are control characters. */
function visible(text) {
  return text
    .replaceAll("\t", " ⇥ ")
    .replace(/[\u0000-\u001f\u007f]/g, (sign) =>
      String.fromCharCode(0x2400 + (sign === "\u007f" ? 0x21 : sign.charCodeAt(0))),
    );
}
