from __future__ import annotations

import pytest

from marquee.errors import EmptyQueryError, RequestError
from marquee.search.request import (
    MAX_LETTERS,
    MAX_TOKENS,
    IdRequest,
    SearchRequest,
    SuggestRequest,
    check_id,
    parse,
)


def test_a_full_request() -> None:
    pairs = [
        ("q", "jake gylenhal"), ("limit", "5"), ("offset", "10"), ("profession", "actor"),
        ("profession", "producer"), ("born", "1980"), ("title", "Donnie Darko"), ("min_score", "0.5"),
        ("explain", "true"),
    ]  # fmt: skip
    request = parse(SearchRequest, pairs)
    assert request.key == "jake gylenhal"
    assert (request.limit, request.offset, request.born, request.min_score) == (5, 10, 1980, 0.5)
    assert request.profession == ("actor", "producer")
    assert request.title == ("Donnie Darko",)
    assert request.explain is True


@pytest.mark.parametrize(
    ("pairs", "parameter", "message"),
    [
        ([], "q", "is missing"),
        ([("q", "x" * 201)], "q", "expected `str` of length <= 200"),
        ([("q", "x" * 10_000)], "q", "expected `str` of length <= 200"),
        ([("q", "jake\x00")], "q", "holds a control character"),
        ([("q", "a"), ("q", "b")], "q", "is given more than once"),
        ([("q", "a"), ("limit", "0")], "limit", "expected `int` >= 1"),
        ([("q", "a"), ("limit", "-1")], "limit", "expected `int` >= 1"),
        ([("q", "a"), ("limit", "51")], "limit", "expected `int` <= 50"),
        ([("q", "a"), ("limit", "1000000000")], "limit", "expected `int` <= 50"),
        ([("q", "a"), ("limit", "ten")], "limit", "expected `int`, got `str`"),
        ([("q", "a"), ("limit", "1e1")], "limit", "expected `int`"),
        ([("q", "a"), ("limit", "1.0")], "limit", "expected `int`"),
        ([("q", "a"), ("born", "null")], "born", None),
        ([("q", "a"), ("limit", "")], "limit", "expected `int`, got `str`"),
        ([("q", "a"), ("limit", "9" * 400)], "limit", None),
        ([("q", "a"), ("offset", "91")], "offset", "offset + limit is more than 100"),
        ([("q", "ja\udcffke")], "q", "holds a control character"),
        ([("q", "a"), ("born", "-1")], "born", "expected `int` >= 0"),
        ([("q", "a"), ("born", "9" * 4000)], "born", "expected `int` <= 9999"),
        ([("q", "a"), ("min_score", "nan")], "min_score", None),
        ([("q", "a"), ("min_score", "inf")], "min_score", None),
        ([("q", "a"), ("min_score", "1.1")], "min_score", "expected `float` <= 1.0"),
        ([("q", "a"), ("explain", "perhaps")], "explain", None),
        ([("q", "a"), ("limt", "5")], "limt", "is not a parameter of this endpoint"),
    ],
)  # fmt: skip
def test_each_wrong_parameter_is_named(
    pairs: list[tuple[str, str]], parameter: str, message: str | None
) -> None:
    with pytest.raises(RequestError) as caught:
        parse(SearchRequest, pairs)
    assert list(caught.value.errors) == [parameter]
    if message is not None:
        assert caught.value.errors[parameter] == message


def test_all_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        parse(SuggestRequest, [("limit", "0"), ("offset", "3")])
    assert set(caught.value.errors) == {"q", "limit", "offset"}


@pytest.mark.parametrize("q", ["", "   ", "?!...", "🎬🍿", "\u200b", '" * ( ) :'])
def test_nothing_searchable(q: str) -> None:
    with pytest.raises(EmptyQueryError):
        parse(SearchRequest, [("q", q)])


def test_a_hundred_words_become_a_dozen() -> None:
    assert parse(SearchRequest, [("q", "x " * 100)]).key.split() == ["x"] * MAX_TOKENS


def test_signs_that_are_spelt_with_many_letters() -> None:
    assert len(parse(SuggestRequest, [("q", "\U0002b49a" * 200)]).key) == MAX_LETTERS


def test_an_id_request_takes_no_parameters() -> None:
    assert parse(IdRequest, []) == IdRequest()
    with pytest.raises(RequestError):
        parse(IdRequest, [("q", "x")])


@pytest.mark.parametrize("text", ["nm0350453", "nm12345678", "nm1234567890"])
def test_an_id(text: str) -> None:
    assert check_id("nconst", text) == text


@pytest.mark.parametrize(
    "text", ["", "nm", "nm1", "tt0350453", "nm035045x", "nm0350453\n", "nm12345678901", "nm٠٣٥٠٤٥٣"]
)
def test_no_id(text: str) -> None:
    with pytest.raises(RequestError, match="nm0000000"):
        check_id("nconst", text)
