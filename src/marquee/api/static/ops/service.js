// Asking the service. The token lives in this module's memory and nowhere else, and goes into a header only.

import { Problem, parse, problemOf, unreachable } from "/static/problem.js";

export { Problem };

const TIMEOUT_MS = 15_000;
const CHANGE_TIMEOUT_MS = 90_000; // what goes live is warmed first
const SILENCE_MS = 30_000; // a stream of events says something every 10 s

let token = "";
let session = new AbortController();
let onRefused = () => {};

/** `refused` is told when the token is no longer good for this. */
export function begin(text, refused) {
  token = text;
  onRefused = refused;
  session = new AbortController();
}

/** Forget the token, and end all that is under way. */
export function end() {
  token = "";
  session.abort();
}

/** Ask, and return the answer and its headers. Throws a Problem, or an AbortError once nobody waits any more. */
export async function request(path, { method = "GET", body, key, signal, asText = false } = {}) {
  const timeout = AbortSignal.timeout(method === "GET" ? TIMEOUT_MS : CHANGE_TIMEOUT_MS);
  const ended = AbortSignal.any([session.signal, ...(signal ? [signal] : [])]);
  const headers = {
    ...authorization(path),
    ...(body ? { "Content-Type": "application/json" } : {}),
    ...(key ? { "Idempotency-Key": key } : {}),
  };
  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.any([ended, timeout]),
    });
    text = await response.text();
  } catch (error) {
    if (ended.aborted) throw error;
    throw unreachable(error);
  }
  if (!response.ok) throw refuse(problemOf(response, text));
  if (asText) return { answer: text, headers: response.headers };
  const answer = parse(text);
  if (answer === undefined && text) throw problemOf(response, text);
  return { answer: answer ?? null, headers: response.headers };
}

export async function ask(path, options) {
  return (await request(path, options)).answer;
}

/** Ask for something that may fail alone: a Problem is returned where the service itself is there. */
export async function tryAsk(path, options) {
  try {
    return await ask(path, options);
  } catch (error) {
    if (error instanceof Problem && !error.isAway && ![401, 403, 429].includes(error.status)) return error;
    throw error;
  }
}

/** Yield the data of server-sent events; EventSource is no help, since it sends no header. */
export async function* readEvents(path, signal) {
  const silence = new AbortController();
  const ended = AbortSignal.any([session.signal, signal]);
  let watch;
  const hear = () => {
    clearTimeout(watch);
    watch = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    hear();
    const response = await fetch(path, {
      headers: authorization(path),
      cache: "no-store",
      signal: AbortSignal.any([ended, silence.signal]),
    });
    if (!response.ok) throw refuse(problemOf(response, await response.text()));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let left = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      hear();
      const parts = (left + value).split("\n\n");
      left = parts.pop();
      for (const part of parts) {
        const data = part
          .split("\n")
          .filter((line) => line.startsWith("data: "))
          .map((line) => line.slice(6))
          .join("\n");
        if (data) yield JSON.parse(data);
      }
    }
  } catch (error) {
    if (error instanceof Problem || ended.aborted) throw error;
    throw unreachable(error);
  } finally {
    clearTimeout(watch);
    silence.abort(); // also where the reader has turned away
  }
}

function authorization(path) {
  return path.startsWith("/v1/") ? { Authorization: `Bearer ${token}` } : {};
}

function refuse(problem) {
  if (problem.status === 401 || (problem.status === 403 && problem.kind)) onRefused(problem);
  return problem;
}
