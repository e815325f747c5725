"""What may be asked: one struct per question, which is also its documentation and its validation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from marquee.errors import EmptyQueryError, RequestError
from marquee.names import normalise
from marquee.search.parsing import read_body, read_pairs

MAX_WINDOW = 100
"""The deepest hit that can be asked for: `offset + limit`."""

MAX_TOKENS = 12
"""Words of a query that count; no name has more, and 100 one-letter words must not become 100 clauses."""

MAX_TYPED = 200
"""Characters of a name or title that is asked."""

MAX_TITLES = 10
"""Titles that may be given as a hint."""

Query = Annotated[
    str,
    Meta(
        max_length=MAX_TYPED,
        description="What was typed: a name, in any spelling, with one letter or digit at least.",
        # Told, and checked below: an empty one has an answer of its own.
        extra_json_schema={"minLength": 1, "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$"},
    ),
]
Limit = Annotated[int, Meta(ge=1, le=50, description="How many answers at most.")]

MAX_LETTERS = 200
"""Letters of a key that count: some signs are spelt with 17, and the engine takes no prefix of a thousand."""

# A lone surrogate is a byte of a command line that was no UTF-8; it can't be encoded in an answer.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def make_key(q: str) -> str:
    """Return what is searched for where this was typed: normalised, MAX_TOKENS words at most, or nothing."""
    return " ".join(normalise(q)[:MAX_LETTERS].split()[:MAX_TOKENS])


class TypedRequest(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Any question that somebody typed."""

    q: Query

    @cached_property
    def key(self) -> str:
        """The normalised query, never empty, of MAX_TOKENS words at most."""
        return make_key(self.q)


class SearchRequest(TypedRequest, frozen=True, kw_only=True):
    """Search people by name, typos tolerated."""

    limit: Limit = 10
    offset: Annotated[
        int, Meta(ge=0, le=MAX_WINDOW, description="How many hits to skip; with `limit` 100 at most.")
    ] = 0
    profession: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=50)], ...],
        Meta(max_length=10, description="Only people with one of these professions, `actor` say."),
    ] = ()
    born: Annotated[
        Annotated[int, Meta(ge=0, le=9999)] | None,
        Meta(description="Hint: the year of birth; bearers born then first."),
    ] = None
    born_tolerance: Annotated[int, Meta(ge=0, le=100, description="Years by which `born` may be wrong.")] = 1
    title: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=MAX_TYPED)], ...],
        Meta(max_length=MAX_TITLES, description="Hint: a title the person is known for."),
    ] = ()
    min_score: Annotated[float, Meta(ge=0, le=1, description="Leave out hits below this score.")] = 0.0
    explain: Annotated[bool, Meta(description="Say of each hit why it stands where it stands.")] = False


class MatchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the names to match."""

    id: Annotated[str, Meta(min_length=1, max_length=100, description="Names the result; any text.")]
    name: Query
    born: Annotated[int, Meta(ge=0, le=9999)] | None = None
    """Hint: the year of birth."""
    born_tolerance: Annotated[int, Meta(ge=0, le=100)] = 1
    """Years by which `born` may be wrong."""
    title: (
        Annotated[str, Meta(min_length=1, max_length=MAX_TYPED)]
        | Annotated[
            tuple[Annotated[str, Meta(min_length=1, max_length=MAX_TYPED)], ...], Meta(max_length=MAX_TITLES)
        ]
        | None
    ) = None
    """A title the person is known for, or several."""

    @property
    def key(self) -> str:
        """The normalised name, never empty."""
        return make_key(self.name)

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles, none to ten."""
        return (self.title,) if isinstance(self.title, str) else self.title or ()


class MatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Match many names at once."""

    queries: Annotated[list[MatchQuery], Meta(min_length=1, max_length=100)]
    """The names, 100 at most, each with an `id` of its own."""
    min_score: Annotated[float, Meta(ge=0, le=1, description="Below this, `match` is null.")] = 0.5
    candidates: Annotated[int, Meta(ge=0, le=20, description="Hits to return for each name.")] = 5


class SuggestRequest(TypedRequest, frozen=True, kw_only=True):
    """Complete a name while it is typed."""

    limit: Limit = 8


class IdRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Look something up by its id, which stands in the path: no parameters."""


class CreditsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A page of somebody's filmography."""

    limit: Limit = 50
    cursor: Annotated[
        str | None, Meta(description="The `next_cursor` of the page before; none: the first page.")
    ] = None


class TitleSearchRequest(TypedRequest, frozen=True, kw_only=True):
    """Search titles, typos tolerated."""

    limit: Limit = 10


AnyRequest = TypeVar(
    "AnyRequest", SearchRequest, SuggestRequest, IdRequest, CreditsRequest, TitleSearchRequest
)

_IDS = {"nconst": "nm", "tconst": "tt"}


def check_id(parameter: str, text: str) -> str:
    """Return an nconst or tconst if it is one: "nm" or "tt" and 7 to 10 digits.

    Raises:
        RequestError: it is not.
    """
    if not re.fullmatch(_IDS[parameter] + "[0-9]{7,10}", text):
        raise RequestError({parameter: f"is not of the form {_IDS[parameter]}0000000"})
    return text


def parse(kind: type[AnyRequest], pairs: Iterable[tuple[str, str]]) -> AnyRequest:
    """Build a request from the pairs of a query string.

    Raises:
        RequestError: names every parameter that is missing, unknown, repeated or out of range.
        EmptyQueryError: nothing searchable is left of `q`.
    """
    return check(read_pairs(kind, pairs))


def check(request: AnyRequest) -> AnyRequest:
    """Return the request if it makes sense as a whole; raises as `parse` does."""
    if isinstance(request, IdRequest | CreditsRequest):
        return request
    if _CONTROL.search(request.q):
        raise RequestError({"q": "holds a control character"})
    if not request.key:
        raise EmptyQueryError
    if isinstance(request, SearchRequest) and request.offset + request.limit > MAX_WINDOW:
        raise RequestError({"offset": f"offset + limit is more than {MAX_WINDOW}"})
    return request


def find_fault(name: str) -> str:
    """Return why a name of a match cannot be asked, "" where it can."""
    if _CONTROL.search(name):
        return "holds a control character"
    return "" if make_key(name) else "has nothing to search for"


def parse_match(body: bytes) -> MatchRequest:
    """Build a match request from a JSON body.

    Raises:
        RequestError: names every part that is unusable, `queries[3].born` say.
    """
    request = read_body(MatchRequest, body)
    errors: dict[str, str] = {}
    seen: set[str] = set()
    for place, each in enumerate(request.queries):
        if each.id in seen:
            errors[f"queries[{place}].id"] = "is given more than once"
        seen.add(each.id)
        if fault := find_fault(each.name):
            errors[f"queries[{place}].name"] = fault
    if errors:
        raise RequestError(errors)
    return request
