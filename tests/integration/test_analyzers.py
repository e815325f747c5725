"""Analyzer token tables, on the real engine: the same on the managed node and on the full distribution."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from marquee.engine.cluster import Cluster
from marquee.engine.mappings import Kind, read_mapping
from marquee.settings import Settings

pytestmark = pytest.mark.anyio


async def make_index(cluster: Cluster, settings: Settings, kind: Kind) -> AsyncIterator[str]:
    name = f"{settings.index_prefix}-analyzers-{kind}"
    await cluster.request("PUT", f"/{name}", body=read_mapping(kind))
    yield name
    await cluster.request("DELETE", f"/{name}")


@pytest.fixture(scope="module", params=["actors", "titles"])
async def index(request: pytest.FixtureRequest, cluster: Cluster, settings: Settings) -> AsyncIterator[str]:
    async for name in make_index(cluster, settings, request.param):
        yield name


@pytest.fixture(scope="module")
async def token_index(cluster: Cluster, settings: Settings) -> AsyncIterator[str]:
    async for name in make_index(cluster, settings, "tokens"):
        yield name


async def analyze(cluster: Cluster, index: str, analyzer: str, text: str) -> list[str]:
    answer = await cluster.request("POST", f"/{index}/_analyze", body={"analyzer": analyzer, "text": text})
    return [token["token"] for token in answer["tokens"]]


FUZZY = [
    ("jake gyllenhaal", ["jake", "gyllenhaal"]),
    ("Jake GYLLENHAAL", ["jake", "gyllenhaal"]),
    ("Stellan Skarsgård", ["stellan", "skarsgard"]),
    # The engine does not compose: `names.normalise` does, before a name gets here.
    ("Stellan Skarsga\u030ard", ["stellan", "skarsga\u030ard"]),
    ("Zoë", ["zoe"]),
    ("Weiß", ["weiss"]),
    ("j k simmons", ["j", "k", "simmons"]),
    ("50 cent", ["50", "cent"]),
    ("", []),
]  # fmt: skip

EDGE = [
    ("jake", ["j", "ja", "jak", "jake"]),
    ("Åke b", ["a", "ak", "ake", "b"]),
    ("x" * 22, ["x" * n for n in range(1, 21)]),
]


def analyzer_of(index: str, suffix: str) -> str:
    return ("name_" if index.endswith("actors") else "title_") + suffix


@pytest.mark.parametrize(("text", "tokens"), FUZZY)
async def test_fuzzy_analyzer(cluster: Cluster, index: str, text: str, tokens: list[str]) -> None:
    assert await analyze(cluster, index, analyzer_of(index, "fuzzy"), text) == tokens


@pytest.mark.parametrize(("text", "tokens"), EDGE)
async def test_edge_ngram_analyzer(cluster: Cluster, index: str, text: str, tokens: list[str]) -> None:
    assert await analyze(cluster, index, analyzer_of(index, "edge_ngram"), text) == tokens


@pytest.mark.parametrize("text", ["_ja jak ake ke_", "_x_", "_50 50_", "KLNL JLNL", "0", "T0MS"])
async def test_keys_of_tokens_are_kept_as_they_are(cluster: Cluster, token_index: str, text: str) -> None:
    assert await analyze(cluster, token_index, "token_keys", text) == text.split()
