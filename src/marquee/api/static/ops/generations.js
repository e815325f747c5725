// Generations: what there is, what is live, what is held, and each with its reports.

import { button, card, empty, facts, make, show, table } from "./elements.js";
import { activate, pin, unpin } from "./orders.js";
import { gateOf, qualityOf } from "./reports.js";
import { ask } from "./service.js";
import { code, counts, generationBadges, link, percent, time } from "./words.js";

const path = (id) => `/v1/admin/generations/${encodeURIComponent(id)}`;

export const generationsView = {
  title: "Generations",
  async draw(place, id, signal) {
    if (id)
      return drawOne(
        place,
        await ask(path(id), { signal }),
        (await ask("/v1/admin/generations", { signal })).generations,
      );
    const { generations } = await ask("/v1/admin/generations", { signal });
    show(
      place,
      card(
        "What is kept",
        generations.length
          ? table(
              "Generations, newest first",
              ["Generation", "State", "Built", "Last went live", "Holds", "Source", "What can be done"],
              generations.map((each) => ({
                key: each.id,
                state: each.live ? "live" : "",
                cells: [
                  link("generations", each.id),
                  make("span", { class: "badges" }, generationBadges(each)),
                  time(each.built_at),
                  time(each.swapped_at),
                  counts(each.counts),
                  each.source?.kind ?? "–",
                  ordersOf(each, generations),
                ],
              })),
            )
          : empty("There is no generation yet. ", make("a", { href: "#jobs" }, "Run a reindex"), " to make one."),
      ),
    );
  },
};

function ordersOf(each, every) {
  const live = every.find((other) => other.live);
  const isUsable = each.complete && each.readable && !each.live && each.set_aside !== "unjudged";
  return make(
    "div",
    { class: "actions" },
    isUsable &&
      button(live && each.built_at < live.built_at ? "Roll back to it …" : "Make it live …", () => activate(each.id), {
        "aria-label": `Make ${each.id} live`,
      }),
    each.pinned
      ? button("Unpin …", () => unpin(), { "aria-label": `Unpin ${each.id}` })
      : each.complete && button("Pin …", () => pin(each.id), { "aria-label": `Pin ${each.id}` }),
  );
}

function drawOne(place, found, every) {
  show(
    place,
    make("p", { class: "back" }, make("a", { href: "#generations" }, "← All generations")),
    card(
      found.id,
      make("p", { class: "line" }, generationBadges(found)),
      facts([
        ["Holds", counts(found.counts)],
        ["Source", found.source ? [`${found.source.kind}, published `, time(found.source.published_at)] : "not known"],
        found.source && ["Confirmed", time(found.source.confirmed_at)],
        [
          "Built",
          time(found.built_at),
          found.marquee_version ? ` by Marquee ${found.marquee_version}, mapping version ${found.mapping_version}` : "",
        ],
        ["Last went live", found.swapped_at ? time(found.swapped_at) : "never"],
        ["Why", found.reason || "no reason was given"],
        [
          "Options",
          Object.entries(found.options)
            .map(([name, value]) => `${name.replaceAll("_", " ")}: ${value || "default"}`)
            .join(" · ") || "not known",
        ],
        found.attribution && ["Attribution", found.attribution],
      ]),
      ordersOf(found, every),
    ),
    card("Gate", gateOf(found.gate)),
    card("Filled fields", Object.keys(found.fill).length ? fillOf(found.fill) : empty("Not counted.")),
    card(
      "Quality",
      found.quality
        ? make("p", {}, "What was wrong with the files of its source: ", link("quality", found.id, "quality report"))
        : empty("There is no quality report."),
    ),
  );
}

function fillOf(fill) {
  const rows = Object.entries(fill).flatMap(([kind, shares]) =>
    Object.entries(shares).map(([field, share]) => ({
      key: `${kind}.${field}`,
      cells: [code(`${kind}.${field}`), percent(share), make("div", { class: "bar", "--share": share })],
    })),
  );
  return table("Share of documents that have a field", ["Field", "Filled", "Share"], rows, { numeric: [1] });
}

export const qualityView = {
  title: "Quality",
  async draw(place, id, signal) {
    const { generations } = await ask("/v1/admin/generations", { signal });
    const chosen = id || generations.find((each) => each.live)?.id;
    if (!chosen) return show(place, card("Quality report", empty("No generation is live yet, so there is no report.")));
    const { quality, source, counts: held } = await ask(path(chosen), { signal });
    show(
      place,
      make(
        "p",
        {},
        "What the build of ",
        link("generations", chosen),
        chosen === generations.find((each) => each.live)?.id ? ", which is live," : "",
        ` found in its source (${source?.kind ?? "not known"}): ${counts(held)}.`,
      ),
      generations.length > 1 &&
        make(
          "nav",
          { class: "others", "aria-label": "Reports of other generations" },
          "Other reports: ",
          generations
            .filter((each) => each.id !== chosen && each.complete)
            .slice(0, 10)
            .map((each) => [link("quality", each.id), " "]),
        ),
      quality
        ? qualityOf(quality)
        : card(
            "Quality report",
            empty("There is none: it was built by a release that wrote none, or its build did not end."),
          ),
    );
  },
};
