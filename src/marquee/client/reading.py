"""What everybody may ask: people, titles, the state of the service.

What is None is left to the service, whose defaults are told here in brackets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from marquee.catalog.documents import Credit
from marquee.client.call import Call, Listing, get, segment, send
from marquee.client.errors import NotUnderstoodError
from marquee.client.operation import Each, operation
from marquee.reindex.health import Liveness, Readiness, Status
from marquee.search.answer import (
    ActorAnswer,
    CastAnswer,
    CreditsAnswer,
    Hit,
    MatchAnswer,
    MatchResult,
    SearchAnswer,
    SuggestAnswer,
    TitleAnswer,
    TitleSearchAnswer,
)
from marquee.search.request import MAX_WINDOW, MatchQuery, MatchRequest

HITS_AT_ONCE = 50
"""As many as the service gives in one answer."""
QUERIES_AT_ONCE = 100
"""Names that are matched in one call."""


@operation("searchActors")
def search(
    q: str,
    *,
    limit: int | None = None,
    offset: int | None = None,
    profession: str | Sequence[str] = (),
    born: int | None = None,
    born_tolerance: int | None = None,
    title: str | Sequence[str] = (),
    min_score: float | None = None,
    explain: bool | None = None,
) -> Call[SearchAnswer]:
    """Search people by name, typos tolerated.

    Args:
        q: what was typed, 1 to 200 letters.
        limit: how many hits at most, 1 to 50 (10).
        offset: how many to skip; `offset + limit` is at most 100.
        profession: only people with one of these, `actor` say.
        born: hint: the year of birth; bearers born then come first.
        born_tolerance: years by which `born` may be wrong (1).
        title: hint: one or several titles the person is known for.
        min_score: leave out hits below this score, 0 to 1 (0).
        explain: say of each hit why it stands where it stands.
    """
    return get(
        "/v1/actors/search",
        SearchAnswer,
        q=q,
        limit=limit,
        offset=offset,
        profession=profession,
        born=born,
        born_tolerance=born_tolerance,
        title=title,
        min_score=min_score,
        explain=explain,
    )


@operation("suggestActors")
def suggest(q: str, *, limit: int | None = None) -> Call[SuggestAnswer]:
    """Complete a name while it is typed: `limit` completions at most, 1 to 50 (8)."""
    return get("/v1/actors/suggest", SuggestAnswer, q=q, limit=limit)


@operation("matchActors")
def match(
    queries: Iterable[str | MatchQuery], *, min_score: float = 0.5, candidates: int = 5
) -> Call[MatchAnswer]:
    """Find the bearers of up to 100 names at once; `match_each` takes any number.

    Args:
        queries: names, or `MatchQuery`s with hints and ids of their own. A name that is given as a text, of
            up to 100 letters, is its own id: the result is `answer.results[name]`. Given twice, it is asked
            once.
        min_score: below this score, 0 to 1, `match` is None (0.5).
        candidates: hits to return for each name, 0 to 20 (5).
    """
    given = [queries] if isinstance(queries, str) else list(queries)
    names = dict.fromkeys(each for each in given if isinstance(each, str))
    asked = [MatchQuery(id=each, name=each) for each in names]
    asked += [each for each in given if isinstance(each, MatchQuery)]
    return _match(asked, min_score, candidates)


@operation("getActor")
def actor(nconst: str) -> Call[ActorAnswer]:
    """Return a person's profile; `nconst` is IMDb's id, `nm0350453` say."""
    return get(f"/v1/actors/{segment(nconst)}", ActorAnswer)


@operation("getCredits")
def credits(  # noqa: A001
    nconst: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[CreditsAnswer]:
    """Return a page of a person's filmography, newest first; `each_credit` iterates over all of them.

    Args:
        nconst: IMDb's id of the person.
        limit: how many at most, 1 to 50 (50).
        cursor: the `next_cursor` of the page before; None for the first page.
    """
    return get(f"/v1/actors/{segment(nconst)}/credits", CreditsAnswer, limit=limit, cursor=cursor)


@operation("searchTitles")
def search_titles(q: str, *, limit: int | None = None) -> Call[TitleSearchAnswer]:
    """Search titles, typos tolerated: `limit` hits at most, 1 to 50 (10)."""
    return get("/v1/titles/search", TitleSearchAnswer, q=q, limit=limit)


@operation("getTitle")
def title(tconst: str) -> Call[TitleAnswer]:
    """Return a title; `tconst` is IMDb's id, `tt0246578` say."""
    return get(f"/v1/titles/{segment(tconst)}", TitleAnswer)


@operation("getCast")
def cast(tconst: str) -> Call[CastAnswer]:
    """Return who is in a title, in billing order, 50 at most."""
    return get(f"/v1/titles/{segment(tconst)}/cast", CastAnswer)


@operation("status")
def status() -> Call[Status]:
    """Return what is live, how old its data are, and whether all is well."""
    return get("/v1/status", Status)


@operation("live")
def live() -> Call[Liveness]:
    """Ask whether the process is alive."""
    return get("/health/live", Liveness)


@operation("ready")
def ready() -> Call[Readiness]:
    """Ask whether searches can be answered; raises UnavailableError where they cannot."""
    return get("/health/ready", Readiness)


def each_hit(
    q: str,
    *,
    profession: str | Sequence[str] = (),
    born: int | None = None,
    born_tolerance: int | None = None,
    title: str | Sequence[str] = (),
    min_score: float | None = None,
    explain: bool | None = None,
) -> Listing[Hit]:
    """Iterate over all hits the service shows of a search, a hundred at most; arguments as of `search`."""
    left = True

    def read(page: SearchAnswer) -> list[Hit]:
        nonlocal left
        left = len(page.hits) == HITS_AT_ONCE
        return page.hits

    for offset in range(0, MAX_WINDOW, HITS_AT_ONCE):
        if not left:
            return
        call = search.describe(
            q,
            limit=HITS_AT_ONCE,
            offset=offset,
            profession=profession,
            born=born,
            born_tolerance=born_tolerance,
            title=title,
            min_score=min_score,
            explain=explain,
        )
        yield call, read


def each_credit(nconst: str, *, page_size: int = 50) -> Listing[Credit]:
    """Iterate over a person's whole filmography, newest first, `page_size` credits a call (1 to 50)."""
    cursor: str | None = None

    def read(page: CreditsAnswer) -> list[Credit]:
        nonlocal cursor
        cursor = page.next_cursor
        return page.credits

    while True:
        yield credits.describe(nconst, limit=page_size, cursor=cursor), read
        if cursor is None:
            return


def match_each(
    queries: Iterable[str | MatchQuery], *, min_score: float = 0.5, candidates: int = 5
) -> Listing[tuple[MatchQuery, MatchResult]]:
    """Match any number of names, a hundred a call: iterate over each query with its result, in their order.

    Ids need not be unique here, and a name may have 200 letters. Other arguments are those of `match`.
    """
    left: Iterator[str | MatchQuery] = iter(queries)
    while batch := list(islice(left, QUERIES_AT_ONCE)):
        asked = [MatchQuery(id=each, name=each) if isinstance(each, str) else each for each in batch]
        # Numbered for the service, which wants the ids of one call to differ.
        numbered = [msgspec.structs.replace(each, id=str(place)) for place, each in enumerate(asked)]

        def read(
            answer: MatchAnswer, asked: list[MatchQuery] = asked
        ) -> Iterable[tuple[MatchQuery, MatchResult]]:
            try:
                return [(each, answer.results[str(place)]) for place, each in enumerate(asked)]
            except KeyError as error:
                raise NotUnderstoodError("a match was answered without one of its results") from error

        yield _match(numbered, min_score, candidates), read


def _match(queries: list[MatchQuery], min_score: float, candidates: int) -> Call[MatchAnswer]:
    request = MatchRequest(queries=queries, min_score=min_score, candidates=candidates)
    # It is posted for its length alone.
    return send("POST", "/v1/actors/match", MatchAnswer, request, is_repeatable=True)


class Reading:
    """The methods of both clients that read."""

    search = search
    suggest = suggest
    match = match
    actor = actor
    credits = credits
    search_titles = search_titles
    title = title
    cast = cast
    status = status
    live = live
    ready = ready
    each_hit = Each(each_hit)
    each_credit = Each(each_credit)
    match_each = Each(match_each)
