// What may come instead of an answer of the service: a problem, somebody else's words, or nothing.

const RETRY_S = 5; // where the service doesn't say when to come again

/** What went wrong, for people; `retryAfterS` is null where asking again is useless. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, type = "", job = null, errors = [], retryAfterS = null }) {
    super(detail);
    Object.assign(this, { title, status, job, errors, retryAfterS, kind: type.split("/").pop() });
  }

  /** Whether no answer came, or one of somebody who stands between. */
  get isAway() {
    return this.status === 0 || ([502, 503, 504].includes(this.status) && !this.kind);
  }
}

/** The problem that no answer came; `silence` says for how long it was waited for. */
export function unreachable(error, silence = "for too long") {
  return error.name === "TimeoutError"
    ? new Problem({ title: "No answer", detail: `The service said nothing ${silence}.`, retryAfterS: RETRY_S })
    : new Problem({ title: "No connection", detail: "The service cannot be reached.", retryAfterS: RETRY_S });
}

/** The problem that an answer tells, or is. */
export function problemOf(response, text) {
  const said = parse(text);
  const told = typeof said?.title === "string" ? said : {};
  return new Problem({
    title: "Something broke",
    detail: `The answer was not one of this service (HTTP ${response.status}).`,
    ...told,
    status: response.status,
    retryAfterS: [429, 502, 503, 504].includes(response.status) ? retryAfterS(response) : null,
  });
}

/** Read JSON; undefined for what is none. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Retry-After is a number of seconds or a date. */
function retryAfterS(response) {
  const header = response.headers.get("Retry-After");
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? RETRY_S : Math.max(1, Math.ceil(seconds));
}
