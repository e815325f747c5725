"""What both versions of the protocol ask of the rest of Marquee: as any question, within the same limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException

from marquee.api.answers import Answers
from marquee.api.question import ANSWER_WITHIN_S, Question
from marquee.api.reconciliation import page, terms
from marquee.api.reconciliation.manifest import MAX_QUERIES
from marquee.api.reply import Reply, finish
from marquee.catalog.documents import Actor
from marquee.errors import RequestError
from marquee.search.answer import Rendered
from marquee.search.parsing import describe_violation
from marquee.search.reconciliation import Candidate, EntityQuery, is_id
from marquee.search.request import SuggestRequest, make_key

AnyRequest = Request[Any, Any, Any]
AnyType = TypeVar("AnyType")

TAG = "reconciliation"
"""Of the endpoints, in the OpenAPI document."""
MAX_NAMES = 2 * MAX_QUERIES
"""In a batch; a query of 1.0 may name several."""
MAX_PROPERTIES = 20
"""That a query speaks of, or a data extension asks for; there are four."""
MAX_VALUES = 10 * MAX_QUERIES
"""Of properties, in a batch: each is compared with each candidate of its query. OpenRefine sends one for each
column that is given along."""
MAX_EXTENDED = 100
"""People that a data extension tells of at once; OpenRefine asks for ten."""
MAX_CANDIDATES = 50
"""Of one query, whatever it asks for."""
DEFAULT_CANDIDATES = 5
MAX_SUGGESTED = 50
"""How deep suggestions go: `cursor` or `offset`, and `limit`."""
DEFAULT_SUGGESTED = 10
MAX_NAME_LETTERS = 200
"""What is longer is no name: it gets no candidates, and so does not cost the rest of its batch theirs."""
MAX_BYTES = 1 << 20
MATCH_WITHIN_S = 10.0
"""As long as a match of a hundred names may take."""
# They change with a release only; but a minute is as long as anything else is kept.
STATIC = (b"cache-control", b"max-age=60")

_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*")
MAX_CALLBACK = 100


def decode(kind: type[AnyType], text: str | bytes | msgspec.Raw, where: str) -> AnyType:
    """Return what stands in a JSON text.

    Raises:
        RequestError: it is no JSON, or something in it is not as it should be; `where` names the text.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        part = re.search(r" - at `(?:key in )?\$\.?(.+)`$", str(error))
        place = f"{where}.{part[1]}".replace(".[", "[") if part else where
        raise RequestError({place: describe_violation(error)}) from error
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError) as error:
        raise RequestError({where: f"is not JSON: {error}"}) from error
    except RecursionError as error:
        raise RequestError({where: "is nested too deeply"}) from error


def check_size(what: str, count: int, most: int) -> None:
    """Raise HTTPException (413) where a batch holds more than it may."""
    if count > most:
        raise HTTPException(status_code=413, detail=f"{count} {what} at once are more than {most}")


def check_callback(name: str) -> str:
    """Return a function's name for JSONP, `jQuery123_456` say; raises RequestError where it is none."""
    if name and not (len(name) <= MAX_CALLBACK and _CALLBACK.fullmatch(name)):
        raise RequestError({"callback": "is no name of a function"})
    return name


def pick_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts that may be names, or hold something to search for at least."""
    return tuple(each for each in texts if len(each) <= MAX_NAME_LETTERS and make_key(each))


async def match(
    request: AnyRequest,
    answers: Answers,
    rows: Sequence[EntityQuery],
    encode: Callable[[list[list[Candidate]]], bytes],
    *,
    version: str,
    body: bytes = b"",
    callback: str = "",
) -> Reply:
    """Answer a batch; raises HTTPException (413) where it is too large, and what `Answers.send` raises."""
    check_size("queries", len(rows), MAX_QUERIES)
    check_size("names", sum(len(each.names) + len(each.ids) for each in rows), MAX_NAMES)
    check_size("values", sum(len(claim.values) for each in rows for claim in each.claims), MAX_VALUES)
    question = _ask("reconcile", (version, rows), callback=callback, is_heavy=True, limit_s=MATCH_WITHIN_S)

    async def work() -> Rendered:
        generation, candidates = await answers.lookup.reconcile(rows)
        return Rendered(generation=generation, body=encode(candidates))

    return await answers.send(request, question, work, body)


async def extend(
    request: AnyRequest,
    answers: Answers,
    ids: Sequence[str],
    encode: Callable[[dict[str, Actor]], bytes],
    *,
    asked: object,
    body: bytes = b"",
    callback: str = "",
) -> Reply:
    """Answer a data extension of people; `asked` is all that the answer depends on. Raises as `match`."""
    check_size("ids", len(ids), MAX_EXTENDED)
    question = _ask("reconcile-extend", asked, callback=callback)

    async def work() -> Rendered:
        # What cannot be an id is nobody's: it has no values, as one that has left the source.
        generation, people = await answers.lookup.find_actors([each for each in ids if is_id(each)])
        return Rendered(generation=generation, body=encode(people))

    return await answers.send(request, question, work, body)


async def suggest_entities(
    request: AnyRequest, answers: Answers, prefix: str, *, skip: int, limit: int, callback: str = ""
) -> Reply:
    """Answer which people's names may become what is being typed; an id is that of its person."""
    wanted = max(0, min(limit, MAX_SUGGESTED - skip))
    typed = prefix.strip() if wanted and pick_names([prefix.strip()]) else ""
    question = _ask("reconcile-suggest", (typed, skip, wanted), callback=callback)

    async def work() -> Rendered:
        if is_id(typed):
            generation, people = await answers.lookup.find_actors([typed])
            found = list(people.values())[skip:]
        else:
            chosen = []
            if typed:
                asked = SuggestRequest(q=typed, limit=skip + wanted)
                answer = await answers.lookup.suggest(asked)
                chosen = [each.nconst for each in answer.suggestions[skip:]]
            # Once more, by id: a suggestion says less of a person than tells two of a name apart.
            generation, people = await answers.lookup.find_actors(chosen)
            found = [people[each] for each in chosen if each in people]
        result = terms.EntitySuggestions([terms.describe_person(each) for each in found])
        return Rendered(generation=generation, body=msgspec.json.encode(result))

    return await answers.send(request, question, work)


async def preview(request: AnyRequest, answers: Answers, nconst: str) -> Reply:
    """Answer with the page of a person; raises NotFoundError where nobody has the id."""
    if not is_id(nconst):
        raise RequestError({"id": "is not of the form nm0000000"})
    question = _ask("reconcile-preview", nconst, media_type="text/html; charset=utf-8")

    async def work() -> Rendered:
        answer = await answers.lookup.find_actor(nconst)
        return Rendered(generation=answer.generation, body=page.render(answer.actor).encode())

    return await answers.send(request, question, work)


def tell(answer: msgspec.Struct, callback: str = "") -> Reply:
    """Answer with what depends on no data."""
    content, described = finish(msgspec.json.encode(answer), callback=callback)
    return Reply(200, [STATIC, *described], content)


def read_limit(where: str, settings: Mapping[str, object]) -> int:
    """Return the setting of a property that is to be told: values at most, 0 for all.

    Raises:
        RequestError: it is no number, which may be written as a text, or there is another setting.
    """
    if unknown := [each for each in settings if each != terms.SETTING_LIMIT]:
        raise RequestError({f"{where}.settings": f"{unknown[0]!r} is no setting here; there is one, `limit`"})
    text = str(settings.get(terms.SETTING_LIMIT) or 0)
    if not re.fullmatch("[0-9]{1,6}", text):
        raise RequestError({f"{where}.settings.limit": "is no number from 0 on"})
    return int(text)


def _ask(
    endpoint: str,
    asked: object,
    *,
    callback: str = "",
    limit_s: float = ANSWER_WITHIN_S,
    is_heavy: bool = False,
    media_type: str = "application/json",
) -> Question:
    return Question(
        endpoint,
        Rendered,
        msgspec.msgpack.encode(asked),
        limit_s=limit_s,
        is_heavy=is_heavy,
        callback=callback,
        media_type=media_type,
    )
