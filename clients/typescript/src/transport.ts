import { ConnectionError, type Problem, ProblemError, TimeoutError } from "./errors.js";

/** How a service is reached. */
export interface ClientOptions {
  /** Its address: "http://127.0.0.1:8000"; may have a path, where a proxy puts it there. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer`, where reading takes a token. */
  token?: string;
  /** Milliseconds that a call may take, all its tries and waits together. Default: 10,000. */
  timeoutMs?: number;
  /** Tries after the first, where the service is overloaded, away or out of reach. Default: 2. */
  retries?: number;
  /** Milliseconds to wait for another try at most; where the service says longer, it is not tried. Default: 5,000. */
  maxRetryWaitMs?: number;
  /** Headers of every request. */
  headers?: Record<string, string>;
  /** What to ask with, in place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** What holds for one call. */
export interface CallOptions {
  /** Ends the call: it throws the signal's reason then. */
  signal?: AbortSignal;
  /** In place of the client's. */
  timeoutMs?: number;
}

type Value = string | number | boolean | undefined | null;
export type Query = Record<string, Value | readonly Value[]>;

/** Who asks too often (429), what is overloaded or away (503), and what a proxy says of one that is away. */
const RETRIED = new Set([429, 502, 503, 504]);
const FIRST_WAIT_MS = 200;
const MAX_QUOTED = 200;

/** Sends requests that change nothing, and so may be sent again; reads answers and problems. */
export class Transport {
  readonly #options: Required<Omit<ClientOptions, "token" | "headers">>;
  readonly #headers: Record<string, string>;

  constructor(options: ClientOptions) {
    const own = options.fetch ?? globalThis.fetch;
    this.#options = {
      baseUrl: options.baseUrl.replace(/\/+$/, ""),
      timeoutMs: options.timeoutMs ?? 10_000,
      retries: options.retries ?? 2,
      maxRetryWaitMs: options.maxRetryWaitMs ?? 5_000,
      fetch: (...request) => own(...request), // browsers want it called on nothing
    };
    this.#headers = { Accept: "application/json", ...options.headers };
    if (options.token !== undefined) this.#headers["Authorization"] = `Bearer ${options.token}`;
  }

  get<Answer>(path: string, query: Query = {}, call: CallOptions = {}): Promise<Answer> {
    return this.#ask<Answer>(path + encode(query), { method: "GET", headers: this.#headers }, call);
  }

  /** Ask a question that is too long for an address. */
  post<Answer>(path: string, body: unknown, call: CallOptions = {}): Promise<Answer> {
    const headers = { ...this.#headers, "Content-Type": "application/json" };
    return this.#ask<Answer>(path, { method: "POST", headers, body: JSON.stringify(body) }, call);
  }

  async #ask<Answer>(path: string, request: RequestInit, call: CallOptions): Promise<Answer> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs;
    const late = AbortSignal.timeout(timeoutMs);
    const deadline = Date.now() + timeoutMs;
    const signal = call.signal ? AbortSignal.any([call.signal, late]) : late;
    try {
      for (let tried = 0; ; tried++) {
        const outcome = await this.#try<Answer>(path, { ...request, signal });
        if ("answer" in outcome) return outcome.answer;
        const waitMs = this.#plan(outcome.error, tried);
        if (waitMs === undefined || Date.now() + waitMs >= deadline) throw outcome.error;
        await sleep(waitMs, signal);
      }
    } catch (error) {
      call.signal?.throwIfAborted();
      if (late.aborted) {
        throw new TimeoutError(`no answer within ${timeoutMs} ms`, { cause: error });
      }
      throw error;
    }
  }

  async #try<Answer>(path: string, request: RequestInit): Promise<{ answer: Answer } | { error: Error }> {
    let response: Response;
    let text: string;
    try {
      response = await this.#options.fetch(this.#options.baseUrl + path, request);
      text = await response.text();
    } catch (error) {
      request.signal?.throwIfAborted();
      return { error: new ConnectionError("the service cannot be reached", { cause: error }) };
    }
    if (!response.ok) return { error: readProblem(response, text) };
    try {
      return { answer: JSON.parse(text) as Answer };
    } catch (error) {
      throw new ConnectionError("what was answered is no JSON: is it Marquee's address?", { cause: error });
    }
  }

  /** Milliseconds until the next try; undefined where there is none. */
  #plan(error: Error, tried: number): number | undefined {
    if (tried >= this.#options.retries) return undefined;
    if (error instanceof ProblemError) {
      if (!RETRIED.has(error.status)) return undefined;
      if (error.retryAfterS !== undefined) {
        const waitMs = error.retryAfterS * 1000;
        return waitMs <= this.#options.maxRetryWaitMs ? waitMs : undefined;
      }
    }
    // Not all at once who were cut off at once.
    const waitMs = FIRST_WAIT_MS * 2 ** tried * (0.5 + Math.random());
    return Math.min(waitMs, this.#options.maxRetryWaitMs);
  }
}

/** Return a query string; what has several values is repeated, what has none is left out. */
function encode(query: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, given] of Object.entries(query)) {
    for (const value of Array.isArray(given) ? (given as readonly Value[]) : [given as Value]) {
      if (value !== undefined && value !== null) pairs.append(name, String(value));
    }
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

function readProblem(response: Response, text: string): ProblemError {
  const requestId = response.headers.get("X-Request-Id") ?? undefined;
  const retryAfterS = readRetryAfter(response.headers.get("Retry-After"));
  let problem: Partial<Problem> = {};
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    try {
      problem = JSON.parse(text) as Problem;
    } catch {
      // cut off: what the status says is left
    }
  }
  const whole = {
    type: "about:blank",
    title: response.statusText || "HTTP error",
    detail: text.slice(0, MAX_QUOTED),
    ...problem,
    status: response.status,
  };
  return new ProblemError(whole, retryAfterS, requestId);
}

/** Return seconds from now; undefined where it is neither a number nor a date. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      fail(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      done();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
