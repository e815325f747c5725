import type { components } from "./schema.js";

/** What the service answers instead of data (RFC 9457): decide by `type`. */
export type Problem = components["schemas"]["Problem"];

/** Whatever keeps a request from being answered; a signal of your own that aborts it throws its own reason. */
export class MarqueeError extends Error {
  override name = "MarqueeError";
}

/** The service answered with a problem, or something between here and there answered with no data. */
export class ProblemError extends MarqueeError {
  override name = "ProblemError";
  /** As it was answered; of what is no problem of Marquee's, `type` is "about:blank". */
  readonly problem: Problem;
  /** Seconds after which the service wants to be asked again; undefined where it does not say. */
  readonly retryAfterS: number | undefined;
  /** What the service's log knows the request by. */
  readonly requestId: string | undefined;

  constructor(problem: Problem, retryAfterS?: number, requestId?: string) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.problem = problem;
    this.retryAfterS = retryAfterS;
    this.requestId = requestId;
  }

  /** The HTTP status. */
  get status(): number {
    return this.problem.status;
  }

  /** Which kind of problem: "/problems/bad-request". It never changes. */
  get type(): string {
    return this.problem.type;
  }
}

/** No answer came, or not a whole one. `cause` is why. */
export class ConnectionError extends MarqueeError {
  override name = "ConnectionError";
}

/** No answer came in time, all tries taken together. */
export class TimeoutError extends MarqueeError {
  override name = "TimeoutError";
}
