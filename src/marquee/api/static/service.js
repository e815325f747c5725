// Asking the service, from its own pages.

const TIMEOUT_MS = 10_000;
const RETRY_S = 5; // where the service doesn't say when to come again

/** What went wrong, for people; `retryAfterS` is null where asking again is useless. */
export class Problem extends Error {
  constructor(title, detail, retryAfterS) {
    super(detail);
    this.title = title;
    this.retryAfterS = retryAfterS;
  }
}

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
    throw error.name === "TimeoutError"
      ? new Problem("No answer", `The service said nothing for ${TIMEOUT_MS / 1000} seconds.`, RETRY_S)
      : new Problem("No connection", "The service cannot be reached.", RETRY_S);
  }
  const answer = parse(body);
  if (response.ok && answer) return { answer, tripMs: performance.now() - started };
  throw new Problem(
    answer?.title ?? "Something broke",
    answer?.detail ?? `The answer was not one of this service (HTTP ${response.status}).`,
    [429, 502, 503, 504].includes(response.status) ? retryAfterS(response) : null);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function addressOf(path, params) {
  return Object.keys(params).length ? `${path}?${new URLSearchParams(params)}` : path;
}

/** Retry-After is a number of seconds or a date. */
function retryAfterS(response) {
  const header = response.headers.get("Retry-After");
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? RETRY_S : Math.max(1, Math.ceil(seconds));
}
