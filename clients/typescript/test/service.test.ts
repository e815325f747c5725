// What the client asks of a running service that holds the sample: its address is MARQUEE_URL.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type Hit, Marquee, type MatchQuery, ProblemError, type Suggestion } from "marquee-client";

const url = process.env["MARQUEE_URL"] ?? "http://127.0.0.1:8000";
const client = new Marquee({ baseUrl: `${url}/` });

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function refuse(promise: Promise<unknown>): Promise<ProblemError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ProblemError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was answered" });
}

test("a name as people type it finds who is meant", async () => {
  const answer = await client.searchActors({ q: "jake gylenhal", limit: 1, explain: true });
  const [hit]: Hit[] = answer.hits;
  assert.equal(hit?.name, "Jake Gyllenhaal");
  assert.equal(hit.match.kind, "fuzzy");
  assert.ok(hit.explanation?.reasons.length);
  assert.equal(answer.did_you_mean, "Jake Gyllenhaal");
  assert.match(answer.generation, /^v\d/);
});

test("a parameter of several values is sent so, one of none is not", async () => {
  const one = await client.searchActors({ q: "rene zelweger", profession: ["actor", "director"], title: ["Judy"] });
  assert.equal(one.hits[0]?.name, "Renée Zellweger");
  const none = await client.searchActors({ q: "rene zelweger", profession: ["astronaut"] });
  assert.deepEqual(none.hits, []);
});

test("all hits of a search come one after another, each once", async () => {
  const hits = await collect(client.eachHit({ q: "john" }));
  assert.equal(hits.length, 100);
  assert.equal(new Set(hits.map((hit) => hit.nconst)).size, 100);
  const { hits: first } = await client.searchActors({ q: "john", limit: 50 });
  assert.deepEqual(hits.slice(0, 50), first);
  assert.ok((await collect(client.eachHit({ q: "jake gyllenhaal", min_score: 0.5 }))).length < 50);
});

test("a name is completed", async () => {
  const { suggestions } = await client.suggestActors({ q: "jake gyl", limit: 3 });
  const first: Suggestion | undefined = suggestions[0];
  assert.equal(first?.name, "Jake Gyllenhaal");
  assert.deepEqual(first.highlight, [[0, 4], [5, 8]]);
});

test("many names are matched, whatever their number", async () => {
  const { results } = await client.matchActors({ queries: [{ id: "a", name: "jake gylenhal", title: "Ambulance" }] });
  assert.equal(results["a"]?.match?.name, "Jake Gyllenhaal");
  function* ask(): Generator<MatchQuery> {
    for (let n = 0; n < 230; n++) yield { id: "same", name: n === 229 ? "tom hancks" : "nicole kidmann" };
  }
  const matched = await collect(client.matchEach(ask(), { candidates: 0 }));
  assert.equal(matched.length, 230);
  assert.equal(matched[228]?.[1].match?.name, "Nicole Kidman");
  assert.equal(matched[229]?.[1].match?.name, "Tom Hanks");
  assert.equal(matched[229]?.[0].name, "tom hancks");
  assert.deepEqual(await collect(client.matchEach([])), []);
});

test("a person, a title, and who is in it", async () => {
  const { actor } = await client.getActor("nm90011918");
  assert.equal(actor.name, "Jake Gyllenhaal");
  const credits = await collect(client.eachCredit(actor.nconst, { limit: 10 }));
  assert.equal(credits.length, actor.credits_count);
  assert.equal(new Set(credits.map((credit) => credit.tconst)).size, credits.length);
  const { hits } = await client.searchTitles({ q: "ambulanse", limit: 5 });
  const found = hits.find((hit) => hit.title === "Ambulance" && hit.year === 2022);
  assert.ok(found);
  const { title } = await client.getTitle(found.tconst);
  assert.equal(title.year, 2022);
  const { cast } = await client.getCast(found.tconst);
  assert.ok(cast.some((entry) => entry.nconst === actor.nconst));
});

test("how it is", async () => {
  const status = await client.status();
  assert.equal(status.source?.kind, "sample");
  assert.equal((await client.live()).status, "live");
  assert.equal((await client.ready()).generation, status.generation);
});

test("a problem is thrown as it was answered", async () => {
  const bad = await refuse(client.searchActors({ q: "x", limit: 1000 }));
  assert.equal(bad.status, 400);
  assert.equal(bad.type, "/problems/bad-request");
  assert.equal(bad.problem.errors?.[0]?.parameter, "limit");
  assert.match(bad.message, /^400 Unusable parameters: limit/);
  assert.match(bad.requestId ?? "", /^[0-9a-f]{32}$/);
  assert.equal((await refuse(client.getActor("nm99999999"))).type, "/problems/not-found");
  assert.equal((await refuse(client.getActor("../status"))).status, 404);
  assert.equal((await refuse(client.searchActors({ q: " " }))).type, "/problems/empty-query");
  const guide = await client.getProblem("empty-query");
  assert.ok(guide.advice);
});

test("every operation that reads is a method", () => {
  interface Operation {
    operationId: string;
    tags: string[];
  }
  const path = process.env["MARQUEE_OPENAPI"] ?? "../../openapi.json";
  const document = JSON.parse(readFileSync(path, "utf8")) as { paths: Record<string, Record<string, Operation>> };
  const wanted = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods))
    // Reindexes are an operator's; the Reconciliation API has clients of its own, and Prometheus reads metrics.
    .filter(({ tags, operationId }) => !["admin", "reconciliation"].includes(tags[0] ?? "") && operationId !== "metrics")
    .map(({ operationId }) => operationId);
  assert.ok(wanted.length >= 12);
  for (const name of wanted) assert.equal(typeof client[name as keyof Marquee], "function", name);
});
