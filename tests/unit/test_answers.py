"""What is kept of an answer, and what is set before it at each request."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from marquee.api.question import Question, typed
from marquee.api.reply import encode_head, encode_tail, finish
from marquee.search.answer import ENVELOPE, Answer, Rendered, SearchAnswer, SuggestAnswer
from marquee.search.request import SearchRequest

KINDS: tuple[type[Any], ...] = tuple(each for each in get_args(Answer) if each is not Rendered)


def make(kind: type[Any]) -> Any:
    """An answer with something in every field, of no particular sense: structs check nothing when made."""
    values: dict[str, Any] = {
        "query": 'a "b"',
        "generation": "v1-20260101t000000",
        "stale": False,
        "took_ms": 1,
    }
    fields = {each.name: each for each in msgspec.structs.fields(kind)}
    made = {name: values.get(name, [name]) for name in fields}
    if not fields["stale"].required if "stale" in fields else False:
        del made["stale"]
    return kind(**made)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_envelope_comes_first(kind: type[Any]) -> None:
    names = kind.__struct_fields__
    envelope = [name for name in names if name in ENVELOPE]
    assert list(names[: len(envelope)]) == envelope
    assert {"generation", "stale"} <= set(envelope)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("is_stale", [False, True])
def test_what_is_kept_and_what_is_set_make_the_whole(kind: type[Any], is_stale: bool) -> None:
    answer = make(kind)
    question = Question("test", kind, b"", query='a "b"')
    whole = encode_head(question, answer.generation, is_stale, 0.0) + encode_tail(question, answer)
    found, expected = msgspec.json.decode(whole), msgspec.json.decode(msgspec.json.encode(answer))
    assert found.pop("stale", False) is is_stale
    expected.pop("stale", None)
    assert expected.pop("took_ms", None) is None or found.pop("took_ms") > 0
    assert found == expected


def test_what_another_protocol_wants_has_no_envelope() -> None:
    answer = Rendered(generation="v1-20260101t000000", body=b"<p>Anything</p>")
    question = Question("test", Rendered, b"", media_type="text/html")
    assert encode_head(question, answer.generation, True, 0.0) == b""
    assert encode_tail(question, answer) == answer.body


def test_an_answer_becomes_a_script_for_who_names_a_function() -> None:
    assert finish(b"{}") == (
        b"{}",
        [(b"content-type", b"application/json"), (b"content-length", b"2")],
    )
    assert finish(b"{}", callback="jQuery1_2") == (
        b"/**/jQuery1_2({});",
        [(b"content-type", b"text/javascript"), (b"content-length", b"18")],
    )


def ask(**parameters: Any) -> bytes:
    return typed("search", SearchAnswer, SearchRequest(**parameters)).key


def test_what_is_the_same_when_normalised_is_the_same_question() -> None:
    assert ask(q="Jake  GYLENHAL") == ask(q="jake gylenhal") == ask(q=" jáke gylenhal")


@pytest.mark.parametrize(
    "other",
    [
        {"q": "jake gylenhall"},
        {"limit": 9},
        {"offset": 1},
        {"profession": ("actor",)},
        {"born": 1980},
        {"born_tolerance": 2},
        {"title": ("Donnie Darko",)},
        {"min_score": 0.5},
        {"explain": True},
    ],
    ids=str,
)
def test_every_parameter_is_a_part_of_the_question(other: dict[str, Any]) -> None:
    assert ask(**{"q": "jake gylenhal"} | other) != ask(q="jake gylenhal")


def test_every_parameter_is_tried_above() -> None:
    tried = {"q", "limit", "offset", "profession", "born", "born_tolerance", "title", "min_score", "explain"}
    assert set(SearchRequest.__struct_fields__) == tried


def test_endpoints_do_not_share_questions() -> None:
    """A search and a suggest with the same parameters are told apart by their endpoint."""
    first = Question("search", SearchAnswer, b"x")
    assert msgspec.structs.replace(first, endpoint="suggest", answer=SuggestAnswer) != first
