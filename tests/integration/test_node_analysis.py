"""The analysis components behave as the full distribution's do: this table holds on both.

The expected tokens are those of Elasticsearch's reference and of its defaults, so the test may run against
the managed node, whose components are ours, as well as against the official image.
"""

from __future__ import annotations

from typing import Any

import pytest

from marquee.engine.cluster import Cluster
from marquee.errors import EngineRejectedError

pytestmark = pytest.mark.anyio

KEYWORD = "keyword"

FILTERS: list[tuple[Any, str, list[str]]] = [
    # A bare name is another thing than a configured filter without parameters.
    ("edge_ngram", "fox", ["f"]),
    ({"type": "edge_ngram"}, "fox", ["f", "fo"]),
    ({"type": "edge_ngram", "min_gram": 2, "max_gram": 3}, "gyllenhaal", ["gy", "gyl"]),
    ({"type": "edge_ngram", "min_gram": 2, "max_gram": 3}, "g", []),
    ({"type": "edge_ngram", "min_gram": 2, "max_gram": 3, "preserve_original": True}, "g", ["g"]),
    (
        {"type": "edge_ngram", "min_gram": 1, "max_gram": 2, "preserve_original": True},
        "fox",
        ["f", "fo", "fox"],
    ),
    ({"type": "edge_ngram", "min_gram": 1, "max_gram": 2, "side": "back"}, "fox", ["x", "ox"]),
    ({"type": "edge_ngram", "min_gram": 1, "max_gram": 2}, "𝒜b", ["𝒜", "𝒜b"]),
    ("asciifolding", "Zoë Ñandú Æon Łódź", ["Zoe Nandu AEon Lodz"]),
    ({"type": "asciifolding", "preserve_original": True}, "Zoë", ["Zoe", "Zoë"]),
    ({"type": "asciifolding", "preserve_original": True}, "Zoe", ["Zoe"]),
    ("ngram", "fox", ["f", "fo", "o", "ox", "x"]),
    ({"type": "ngram", "min_gram": 3, "max_gram": 3}, "penn", ["pen", "enn"]),
    ({"type": "ngram", "min_gram": 3, "max_gram": 3}, "ab", []),
    ({"type": "ngram", "min_gram": 3, "max_gram": 3, "preserve_original": True}, "ab", ["ab"]),
    (
        {"type": "ngram", "min_gram": 1, "max_gram": 2, "preserve_original": True},
        "abc",
        ["a", "ab", "b", "bc", "c", "abc"],
    ),
    (
        {"type": "pattern_capture", "patterns": ["([^@]+)", "@(.+)"], "preserve_original": False},
        "fritz@lang.de",
        ["fritz", "lang.de", "lang.de"],
    ),
    ({"type": "pattern_capture", "patterns": ["([0-9]+)"]}, "tt0017136", ["tt0017136", "0017136"]),
    ({"type": "pattern_capture", "patterns": ["(nothing)"], "preserve_original": False}, "abc", ["abc"]),
]

TOKENIZERS: list[tuple[Any, str, list[str]]] = [
    ("edge_ngram", "Fox", ["F", "Fo"]),
    ({"type": "edge_ngram", "min_gram": 2, "max_gram": 4, "token_chars": ["letter", "digit"]},
     "2 Quick Foxes.", ["Qu", "Qui", "Quic", "Fo", "Fox", "Foxe"]),
    ({"type": "edge_ngram", "min_gram": 1, "max_gram": 3, "token_chars": ["custom"],
      "custom_token_chars": "ab"}, "xabby", ["a", "ab", "abb"]),
    ("ngram", "Fox", ["F", "Fo", "o", "ox", "x"]),
    ({"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": ["letter", "digit"]}, "2 Quick Foxes.",
     ["Qui", "uic", "ick", "Fox", "oxe", "xes"]),
    ({"type": "ngram", "min_gram": 1, "max_gram": 1, "token_chars": ["punctuation", "symbol", "whitespace"]},
     "a-b+c d", ["-", "+", " "]),
    ("uax_url_email", "Mail fritz@lang.de", ["Mail", "fritz@lang.de"]),
]  # fmt: skip

REFUSED: list[tuple[str, Any, str]] = [
    ("filter", {"type": "ngram", "min_gram": 1, "max_gram": 5}, "index.max_ngram_diff"),
    ("tokenizer", {"type": "ngram", "min_gram": 1, "max_gram": 5}, "index.max_ngram_diff"),
    ("filter", {"type": "pattern_capture"}, "required setting 'patterns' is missing"),
    ("filter", {"type": "edge_ngram", "side": "middle"}, "invalid side: middle"),
    ("filter", {"type": "edge_ngram", "min_gram": 3, "max_gram": 2}, "maxGram"),
    ("tokenizer", {"type": "ngram", "token_chars": ["vowel"]}, "Unknown token type: 'vowel'"),
]


async def analyze(cluster: Cluster, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await cluster.request("POST", "/_analyze", body=body)
    return list(answer["tokens"])


@pytest.mark.parametrize(("definition", "text", "tokens"), FILTERS, ids=repr)
async def test_filter(cluster: Cluster, definition: Any, text: str, tokens: list[str]) -> None:
    found = await analyze(cluster, {"tokenizer": KEYWORD, "filter": [definition], "text": text})
    assert [token["token"] for token in found] == tokens


@pytest.mark.parametrize(("definition", "text", "tokens"), TOKENIZERS, ids=repr)
async def test_tokenizer(cluster: Cluster, definition: Any, text: str, tokens: list[str]) -> None:
    found = await analyze(cluster, {"tokenizer": definition, "text": text})
    assert [token["token"] for token in found] == tokens


@pytest.mark.parametrize(("kind", "definition", "message"), REFUSED, ids=repr)
async def test_what_the_full_distribution_refuses_is_refused(
    cluster: Cluster, kind: str, definition: Any, message: str
) -> None:
    body: dict[str, Any] = {"tokenizer": KEYWORD, "text": "abc"}
    body[kind] = [definition] if kind == "filter" else definition
    with pytest.raises(EngineRejectedError, match=message):
        await analyze(cluster, body)


async def test_grams_of_one_word_share_its_position(cluster: Cluster) -> None:
    """An edge n-gram filter must not spread a word over positions: phrases and highlights rely on them."""
    definition = {"type": "edge_ngram", "min_gram": 1, "max_gram": 20}
    found = await analyze(cluster, {"tokenizer": "standard", "filter": [definition], "text": "jake gyl"})
    assert [(token["token"], token["position"]) for token in found] == [
        ("j", 0), ("ja", 0), ("jak", 0), ("jake", 0), ("g", 1), ("gy", 1), ("gyl", 1)
    ]  # fmt: skip
