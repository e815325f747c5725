// What the client does when there is no answer, or not the one that was wanted.
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";

import { type ClientOptions, ConnectionError, Marquee, MarqueeError, ProblemError, TimeoutError } from "marquee-client";

type Reaction = (request: IncomingMessage, response: ServerResponse) => void;

const LIVE = { status: "live" };
let reactions: Reaction[] = [];
let asked: { url: string; headers: IncomingMessage["headers"]; at: number }[] = [];
const server = createServer((request, response) => {
  asked.push({ url: request.url ?? "", headers: request.headers, at: Date.now() });
  const react = reactions.length > 1 ? reactions.shift() : reactions[0];
  react?.(request, response);
});
let baseUrl = "";

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

const answer: Reaction = (_, response) => {
  response.setHeader("Content-Type", "application/json").end(JSON.stringify(LIVE));
};
const hang: Reaction = () => {};
const cut: Reaction = (request) => request.socket.destroy();

function refuse(status: number, headers: Record<string, string> = {}): Reaction {
  const problem = { type: `/problems/${status}`, title: "No", status, detail: "not now" };
  return (_, response) => {
    const sent = { "Content-Type": "application/problem+json", ...headers };
    response.writeHead(status, sent).end(JSON.stringify(problem));
  };
}

function ask(...then: Reaction[]): Promise<unknown> {
  return askWith({}, ...then);
}

function askWith(options: Partial<ClientOptions>, ...then: Reaction[]): Promise<unknown> {
  reactions = then;
  return new Marquee({ baseUrl, ...options }).live();
}

test("what is overloaded or away is asked again, when it says", async () => {
  assert.deepEqual(await ask(refuse(503, { "Retry-After": "1" }), answer), LIVE);
  assert.equal(asked.length, 2);
  const waitedMs = (asked[1]?.at ?? 0) - (asked[0]?.at ?? 0);
  assert.ok(waitedMs >= 990 && waitedMs < 2000, String(waitedMs));
});

test("a date says when, too", async () => {
  const soon = new Date(Date.now() + 1500).toUTCString();
  assert.deepEqual(await ask(refuse(429, { "Retry-After": soon }), answer), LIVE);
});

test("a connection that breaks is tried again, and a proxy's excuse", async () => {
  assert.deepEqual(await ask(cut, refuse(502), answer), LIVE);
  assert.equal(asked.length, 3);
});

test("a long text is sent again as a short one is: a match changes nothing", async () => {
  reactions = [refuse(503, { "Retry-After": "0" }), answer];
  await new Marquee({ baseUrl }).matchActors({ queries: [{ id: "a", name: "x" }] });
  assert.equal(asked.length, 2);
});

test("tries end", async () => {
  const error = await ask(refuse(503, { "Retry-After": "0" })).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ProblemError);
  assert.equal(error.status, 503);
  assert.equal(error.retryAfterS, 0);
  assert.equal(asked.length, 3);
  asked = [];
  await assert.rejects(askWith({ retries: 0 }, cut), ConnectionError);
  assert.equal(asked.length, 1);
});

test("nobody waits longer than he wants to", async () => {
  const error = await ask(refuse(429, { "Retry-After": "3600" })).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ProblemError);
  assert.equal(error.retryAfterS, 3600);
  assert.equal(asked.length, 1);
});

test("what is wrong stays wrong: it is not asked again", async () => {
  for (const status of [400, 401, 404, 500]) {
    asked = [];
    await assert.rejects(ask(refuse(status)), { name: "ProblemError", status });
    assert.equal(asked.length, 1, String(status));
  }
});

test("what is slow is given up, its tries taken together", async () => {
  const began = Date.now();
  await assert.rejects(askWith({ timeoutMs: 300 }, hang), { name: "TimeoutError", message: /300 ms/ });
  await assert.rejects(askWith({ timeoutMs: 700 }, cut, hang), TimeoutError);
  // No wait is begun that would end too late.
  await assert.rejects(askWith({ timeoutMs: 300 }, refuse(503, { "Retry-After": "4" })), ProblemError);
  assert.ok(Date.now() - began < 2000);
});

test("a signal ends a call and its waits, by its own reason", async () => {
  for (const react of [hang, refuse(503, { "Retry-After": "4" })]) {
    reactions = [react];
    const reason = new Error("the user has typed on");
    const controller = new AbortController();
    const call = new Marquee({ baseUrl }).live({ signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(call, reason);
  }
  asked = [];
  await assert.rejects(new Marquee({ baseUrl }).live({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(asked.length, 0);
});

test("what is no answer of Marquee's is an error of its own", async () => {
  const page: Reaction = (_, response) => void response.setHeader("Content-Type", "text/html").end("<p>Hello</p>");
  await assert.rejects(ask(page), { name: "ConnectionError", message: /no JSON/ });
  const proxy: Reaction = (_, response) => void response.writeHead(403, { "Content-Type": "text/html" }).end("<p>No");
  const error = await ask(proxy).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ProblemError);
  assert.deepEqual(error.problem, { type: "about:blank", title: "Forbidden", status: 403, detail: "<p>No" });
  const half: Reaction = (_, response) => {
    response.writeHead(400, { "Content-Type": "application/problem+json" }).end('{"type":');
  };
  await assert.rejects(ask(half), { name: "ProblemError", type: "about:blank", status: 400 });
  const gone = new Marquee({ baseUrl: "http://127.0.0.1:1", retries: 0 }).live();
  await assert.rejects(gone, (thrown: Error) => thrown instanceof MarqueeError && thrown.cause instanceof Error);
});

test("a token and headers are sent, below a path as well", async () => {
  await askWith({ baseUrl: `${baseUrl}/people/`, token: "secret", headers: { "X-App": "shop" } }, answer);
  assert.equal(asked[0]?.url, "/people/health/live");
  assert.equal(asked[0]?.headers["authorization"], "Bearer secret");
  assert.equal(asked[0]?.headers["x-app"], "shop");
});

test("ids cannot leave their place in the address", async () => {
  reactions = [answer];
  await new Marquee({ baseUrl }).getActor("../../v1/status?x=1#y");
  assert.equal(asked[0]?.url, "/v1/actors/..%2F..%2Fv1%2Fstatus%3Fx%3D1%23y");
});
