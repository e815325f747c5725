// Asking the service, from the demo.

import { parse, problemOf, unreachable } from "/static/problem.js";

export { Problem } from "/static/problem.js";

const TIMEOUT_MS = 10_000;

/** GET a JSON answer and the measured round trip. Throws a Problem, or the signal's AbortError. */
export async function ask(path, params, signal, cache = "default") {
  const started = performance.now();
  const both = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response, body;
  try {
    response = await fetch(addressOf(path, params), { signal: both, cache });
    body = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreachable(error, `for ${TIMEOUT_MS / 1000} seconds`);
  }
  const answer = parse(body);
  if (response.ok && answer) return { answer, tripMs: performance.now() - started };
  throw problemOf(response, body);
}

export function addressOf(path, params) {
  return Object.keys(params).length ? `${path}?${new URLSearchParams(params)}` : path;
}
