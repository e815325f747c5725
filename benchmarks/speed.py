"""How fast answers are, as ratios to the bare queries a tutorial would send to the same engine.

    python -m benchmarks.speed                 # the live generation of MARQUEE_INDEX_PREFIX
    python -m benchmarks.speed --prefixes small large

A search is one of 60 % right names, 30 % everyday misspellings (one slip) and 10 % hard ones (the surname
alone, as the error model misspells it), of people drawn at random from the index; the tutorial's query is
`match` with fuzziness AUTO, ten hits. A suggestion is a name typed up to three to twelve letters; the
tutorial's query is `match` on edge n-grams. One client, over HTTP, each question put to either side in turn.
What Marquee's own code takes is measured in this process: a search less its requests to the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import aiohttp
import msgspec
from rich.table import Table

from benchmarks.error_model import misspell, slip, type_plainly
from benchmarks.processes import run_service
from benchmarks.query_set import surname_of
from benchmarks.runner import OUT, print_header
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.names import normalise
from marquee.search import query
from marquee.search.lookup import Lookup
from marquee.search.request import SearchRequest, SuggestRequest, parse
from marquee.settings import read_settings

SEED = 1
WARM_UP = 40
SUGGESTIONS = 8
MOST_WORDS = 12
MAX_LETTERS = 200
DEAR_REPETITIONS = 5
Asked = Callable[[str], Awaitable[Any]]


class Mix:
    """Questions about people of an index."""

    def __init__(self, names: Sequence[str], seed: int = SEED) -> None:
        rng = Random(seed)
        self.searches: dict[str, list[str]] = {"right": [], "everyday": [], "hard": []}
        self.suggests: list[str] = []
        for place, name in enumerate(names):
            plain = type_plainly(name)
            share = place % 10
            if share < 6:
                self.searches["right"].append(plain)
            elif share < 9:
                self.searches["everyday"].append(slip(plain, rng) or plain)
            else:
                self.searches["hard"].append(misspell(surname_of(name), rng)[0])
            self.suggests.append(plain[: rng.randint(3, 12)].strip())
        tokens = Counter(token for name in names for token in normalise(name).split())
        common = [token for token, _ in tokens.most_common(MOST_WORDS)]
        self.dear = [
            *common[:4],
            " ".join(common[:2]),
            " ".join(common),
            " ".join(slip(token, rng) or token for token in common),
            " ".join("abcdefghijkl"),
            "de la del von van der",
            f"{common[0]} " * 20,
            "x" * MAX_LETTERS,
            "schwarzenegger" * 10,
        ]
        """Common tokens, many words, many letters."""


async def draw_names(cluster: Cluster, prefix: str, count: int) -> list[str]:
    """Return names of people drawn at random, of two words or more."""
    body = {
        "size": 2 * count,
        "query": {"function_score": {"random_score": {"seed": SEED, "field": "_seq_no"}}},
        "_source": ["name"],
    }
    (hits,) = await cluster.search_many([(f"{prefix}-actors", body)], dict[str, str], timeout_s=60)
    names = [hit.source["name"] for hit in hits]
    return [name for name in names if " " in normalise(name)][:count]


class Timed(Cluster):
    """A cluster that adds up the time its searches took."""

    engine_ms = 0.0

    async def search_many(self, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return await super().search_many(*arguments, **options)
        finally:
            self.engine_ms += (time.perf_counter() - started) * 1000


def tutorial_search(key: str) -> dict[str, Any]:
    """Return the query of a tutorial: any word, two letters wrong at most."""
    return {"query": {"match": {"name_key": {"query": key, "fuzziness": "AUTO"}}}, "size": 10}


def tutorial_suggest(key: str) -> dict[str, Any]:
    """Return the query of a tutorial: all words, the last one begun."""
    return {"query": {"match": {"name_key.prefix": {"query": key, "operator": "and"}}}, "size": 10}


async def take_turns(questions: Sequence[str], sides: dict[str, Asked]) -> dict[str, list[float]]:
    """Put each question to each side in turn; return their milliseconds."""
    took: dict[str, list[float]] = {side: [] for side in sides}
    for place, question in enumerate([*questions[:WARM_UP], *questions]):
        for side, ask in sides.items():
            started = time.perf_counter()
            await ask(question)
            if place >= WARM_UP:
                took[side].append((time.perf_counter() - started) * 1000)
    return took


def quantile(values: Sequence[float], percent: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _bare(client: aiohttp.ClientSession, prefix: str, build: Callable[[str], dict[str, Any]]) -> Asked:
    async def ask(question: str) -> Any:
        body = {**build(normalise(question)), "_source": query.ACTOR_FIELDS, "track_total_hits": False}
        async with client.post(f"/{prefix}-actors/_search", json=body) as answer:
            return await answer.json()

    return ask


def _engine_suggest(cluster: Cluster, prefix: str) -> Asked:
    async def ask(question: str) -> Any:
        bodies = next(query.build_suggest(normalise(question), SUGGESTIONS)).values()
        return await cluster.search_many([(f"{prefix}-actors", body) for body in bodies], msgspec.Raw)

    return ask


def _service(client: aiohttp.ClientSession, path: str) -> Asked:
    async def ask(question: str) -> Any:
        async with client.get(path, params={"q": question}) as answer:
            return await answer.read()

    return ask


async def measure(endpoint: Endpoint, prefix: str, count: int) -> None:
    """Measure one index and print its tables."""
    headers = {}
    if endpoint.username:
        headers["Authorization"] = aiohttp.encode_basic_auth(endpoint.username, endpoint.password)
    async with contextlib.AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Timed(endpoint))
        engine = await stack.enter_async_context(aiohttp.ClientSession(endpoint.urls[0], headers=headers))
        url = stack.enter_context(run_service({**os.environ, "MARQUEE_INDEX_PREFIX": prefix}))
        service = await stack.enter_async_context(aiohttp.ClientSession(url))
        people = (await cluster.request("GET", f"/{prefix}-actors/_count"))["count"]
        mix = Mix(await draw_names(cluster, prefix, count))
        kinds = {question: kind for kind, questions in mix.searches.items() for question in questions}
        questions = list(kinds)
        Random(SEED).shuffle(questions)
        searches = await take_turns(
            questions,
            {
                "tutorial": _bare(engine, prefix, tutorial_search),
                "Marquee": _service(service, "/v1/actors/search"),
            },
        )
        show(f"search, {people:,} people", searches, "tutorial")
        for kind in mix.searches:
            places = [place for place, question in enumerate(questions) if kinds[question] == kind]
            part = {side: [values[place] for place in places] for side, values in searches.items()}
            show(f"  {kind}", part, "tutorial")
        suggests = await take_turns(
            mix.suggests,
            {
                "tutorial": _bare(engine, prefix, tutorial_suggest),
                "Marquee's first request": _engine_suggest(cluster, prefix),
                "Marquee": _service(service, "/v1/actors/suggest"),
            },
        )
        show(f"suggest, {people:,} people", suggests, "tutorial")
        dear = mix.dear * (DEAR_REPETITIONS + WARM_UP // len(mix.dear))
        costs = await take_turns(dear, {"Marquee": _service(service, "/v1/actors/search")})
        show("searches made to be dear", costs, None)
        ratio = max(costs["Marquee"]) / quantile(searches["Marquee"], 50)
        OUT.print(f"the dearest of them took {ratio:.1f} times the median search", highlight=False)
        lookup = Lookup(cluster, prefix)
        own: dict[str, list[float]] = {"search": [], "suggest": []}
        for question in questions[: len(questions) // 2]:
            for name, work in (
                ("search", lambda q: lookup.search(parse(SearchRequest, [("q", q)]))),
                ("suggest", lambda q: lookup.suggest(parse(SuggestRequest, [("q", q)]))),
            ):
                cluster.engine_ms, started = 0.0, time.perf_counter()
                await work(question)
                own[name].append((time.perf_counter() - started) * 1000 - cluster.engine_ms)
        show("Marquee's own code", own, None)


def show(title: str, took: dict[str, list[float]], baseline: str | None) -> None:
    """Print percentiles, and their ratios to a side's."""
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for column in ("", "questions", "p50 ms", "p95", "p99", "ratio p50", "ratio p99"):
        table.add_column(column, justify="left" if not column else "right")
    for side, values in took.items():
        ratios = (
            [f"{quantile(values, p) / quantile(took[baseline], p):.2f}" for p in (50, 99)] if baseline else []
        )
        figures = [f"{quantile(values, p):.2f}" for p in (50, 95, 99)]
        table.add_row(side, str(len(values)), *figures, *ratios)
    OUT.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prefixes", nargs="+", help="Index prefixes to measure (default: the settings').")
    parser.add_argument("--people", type=int, default=600, help="People to ask about (default 600).")
    arguments = parser.parse_args()
    settings, _ = read_settings()
    with open_endpoint(settings) as endpoint:

        async def run() -> None:
            async with Cluster(endpoint) as cluster:
                version = await cluster.version()
            print_header(
                "Speed of search and suggest", "people of the live generation", version, ("elasticsearch",)
            )
            for prefix in arguments.prefixes or [settings.index_prefix]:
                await measure(endpoint, prefix, arguments.people)

        asyncio.run(run())


if __name__ == "__main__":
    main()
