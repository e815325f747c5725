import type { components, operations } from "./schema.js";
import { type CallOptions, type ClientOptions, type Query, Transport } from "./transport.js";

type Schemas = components["schemas"];
/** The parameters of an operation. */
type Parameters<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;
/** The answer of an operation. */
type Answer<Name extends keyof operations> = operations[Name]["responses"] extends {
  200: { content: { "application/json": infer Body } };
}
  ? Body
  : never;

export type Hit = Schemas["Hit"];
export type Actor = Schemas["Actor"];
export type Credit = Schemas["Credit"];
export type Title = Schemas["Title"];
export type Suggestion = Schemas["Suggestion"];
export type MatchQuery = Schemas["MatchQuery"];
export type MatchRequest = Schemas["MatchRequest"];
export type MatchResult = Schemas["MatchResult"];

/** The deepest hit that the service shows, and how many it gives at once. */
const MAX_HITS = 100;
const HITS_AT_ONCE = 50;
/** Names that are matched at once. */
const MAX_QUERIES = 100;

/** Asks a Marquee service. Methods are called as the operations of its API, and throw what `errors` has. */
export class Marquee {
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
  }

  /** Search people by name, typos tolerated. */
  searchActors(query: Parameters<"searchActors">, call?: CallOptions): Promise<Answer<"searchActors">> {
    return this.#transport.get("/v1/actors/search", query as Query, call);
  }

  /** All hits that the service shows of a search, a hundred at most, asked for as they are needed. */
  async *eachHit(
    query: Omit<Parameters<"searchActors">, "limit" | "offset">,
    call?: CallOptions,
  ): AsyncGenerator<Hit, void, void> {
    for (let offset = 0; offset < MAX_HITS; offset += HITS_AT_ONCE) {
      const { hits } = await this.searchActors({ ...query, offset, limit: HITS_AT_ONCE }, call);
      yield* hits;
      if (hits.length < HITS_AT_ONCE) return;
    }
  }

  /** Complete a name while it is typed, typos tolerated. */
  suggestActors(query: Parameters<"suggestActors">, call?: CallOptions): Promise<Answer<"suggestActors">> {
    return this.#transport.get("/v1/actors/suggest", query as Query, call);
  }

  /** Find the bearers of up to 100 names at once. */
  matchActors(request: MatchRequest, call?: CallOptions): Promise<Answer<"matchActors">> {
    return this.#transport.post("/v1/actors/match", request, call);
  }

  /** Find the bearers of any number of names, a hundred at a time: each query with its result, in their order. */
  async *matchEach(
    queries: Iterable<MatchQuery> | AsyncIterable<MatchQuery>,
    options: Omit<MatchRequest, "queries"> = {},
    call?: CallOptions,
  ): AsyncGenerator<[query: MatchQuery, result: MatchResult], void, void> {
    let batch: MatchQuery[] = [];
    for await (const query of queries) {
      batch.push(query);
      if (batch.length === MAX_QUERIES) {
        yield* await this.#match(batch, options, call);
        batch = [];
      }
    }
    if (batch.length > 0) yield* await this.#match(batch, options, call);
  }

  async #match(
    queries: MatchQuery[],
    options: Omit<MatchRequest, "queries">,
    call?: CallOptions,
  ): Promise<[MatchQuery, MatchResult][]> {
    // Ids need be unique in a batch only by the service's rules; here they may repeat.
    const numbered = queries.map((query, place) => ({ ...query, id: String(place) }));
    const { results } = await this.matchActors({ ...options, queries: numbered }, call);
    return queries.map((query, place) => [query, results[String(place)] as MatchResult]);
  }

  /** A person's profile. */
  getActor(nconst: string, call?: CallOptions): Promise<Answer<"getActor">> {
    return this.#transport.get(`/v1/actors/${encodeURIComponent(nconst)}`, {}, call);
  }

  /** A page of a person's filmography, newest first. */
  getCredits(
    nconst: string,
    query: Parameters<"getCredits"> = {},
    call?: CallOptions,
  ): Promise<Answer<"getCredits">> {
    return this.#transport.get(`/v1/actors/${encodeURIComponent(nconst)}/credits`, query as Query, call);
  }

  /** A person's whole filmography, newest first, its pages asked for as they are needed. */
  async *eachCredit(
    nconst: string,
    query: Omit<Parameters<"getCredits">, "cursor"> = {},
    call?: CallOptions,
  ): AsyncGenerator<Credit, void, void> {
    for (let cursor: string | null = null; ; ) {
      const page: Answer<"getCredits"> = await this.getCredits(
        nconst,
        cursor === null ? query : { ...query, cursor },
        call,
      );
      yield* page.credits;
      cursor = page.next_cursor;
      if (cursor === null) return;
    }
  }

  /** Search titles, typos tolerated. */
  searchTitles(query: Parameters<"searchTitles">, call?: CallOptions): Promise<Answer<"searchTitles">> {
    return this.#transport.get("/v1/titles/search", query as Query, call);
  }

  /** A title. */
  getTitle(tconst: string, call?: CallOptions): Promise<Answer<"getTitle">> {
    return this.#transport.get(`/v1/titles/${encodeURIComponent(tconst)}`, {}, call);
  }

  /** Who is in a title, in billing order. */
  getCast(tconst: string, call?: CallOptions): Promise<Answer<"getCast">> {
    return this.#transport.get(`/v1/titles/${encodeURIComponent(tconst)}/cast`, {}, call);
  }

  /** What is live, how old its data are, and whether all is well. */
  status(call?: CallOptions): Promise<Answer<"status">> {
    return this.#transport.get("/v1/status", {}, call);
  }

  /** Whether the process is alive. */
  live(call?: CallOptions): Promise<Answer<"live">> {
    return this.#transport.get("/health/live", {}, call);
  }

  /** Whether searches can be answered; throws a ProblemError of status 503 where they cannot. */
  ready(call?: CallOptions): Promise<Answer<"ready">> {
    return this.#transport.get("/health/ready", {}, call);
  }

  /** What a kind of problem means: of `error.type`, the part after its last slash. */
  getProblem(name: string, call?: CallOptions): Promise<Answer<"getProblem">> {
    return this.#transport.get(`/problems/${encodeURIComponent(name)}`, {}, call);
  }
}
