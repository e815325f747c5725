"""Search and suggest must not get worse: floors on a fixed part of the committed query set, on the sample."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from marquee.engine.cluster import Cluster
from marquee.settings import Settings

# The benchmarks are a folder of the checkout, not an installed package.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.completion import measure_completion
from benchmarks.error_model import NEIGHBOURS, type_plainly
from benchmarks.figures import (
    Judged,
    estimate,
    measure_corrections,
    measure_recall,
    measure_reliability,
)
from benchmarks.quality import ask, judge
from benchmarks.query_set import (
    CORRECT,
    MISSPELT,
    Query,
    is_right,
    make_queries,
    read_queries,
    surname_of,
    write_queries,
)
from benchmarks.subject import InProcess, Person, SearchReply

EVERY = 5
"""The gate asks for every fifth name."""
COMPLETED_NAMES = 25

# Measured when the floors were set, on this part of the set: recall@1 .980, @10 .997; right names @1 1.0 and
# did_you_mean on none of them; 3.72 keystrokes, one slip .900, first letter .960. The room is three queries
# of .0033 each, for ties: the requests of a bulk load arrive in any order, so two builds of one sample break
# them differently. `python -m benchmarks.quality` measures the whole set. Who makes search better raises the
# floors.


def choose(path: Path) -> list[Query]:
    queries = read_queries(path)
    kept = set(list(dict.fromkeys(query.name_key for query in queries))[::EVERY])
    return [query for query in queries if query.name_key in kept]


@pytest.fixture
def subject(cluster: Cluster, settings: Settings, sample: str) -> InProcess:
    return InProcess(cluster, settings.index_prefix)


@pytest.mark.anyio
async def test_misspelt_names_are_found(subject: InProcess) -> None:
    judged, _ = await ask(subject, choose(MISSPELT))
    recall = measure_recall(judged)
    assert recall.names == 100
    assert recall.at_1.mean >= 0.97
    assert recall.at_10.mean >= 0.986


@pytest.mark.anyio
async def test_right_names_are_not_corrected_away(subject: InProcess) -> None:
    judged, _ = await ask(subject, choose(CORRECT))
    assert measure_recall(judged).at_1.mean >= 0.99
    assert measure_corrections(judged).given <= 0.01


@pytest.mark.anyio
async def test_names_are_completed(subject: InProcess) -> None:
    names = list({query.name_key: query for query in choose(CORRECT)}.values())[:COMPLETED_NAMES]
    completion = await measure_completion(subject, names)
    assert completion.keystrokes.mean <= 3.9
    assert completion.slip.mean >= 0.87
    assert completion.first_letter.mean >= 0.88


def test_the_committed_queries_are_what_the_model_makes(tmp_path: Path) -> None:
    for path, queries in zip((MISSPELT, CORRECT), make_queries(), strict=True):
        write_queries(tmp_path / path.name, queries)
        assert (tmp_path / path.name).read_text() == path.read_text(), (
            "sample or error model changed: python -m benchmarks.quality make-queries, and new floors"
        )


DE_NIRO = Query(query="bob deniro", correct_name="Robert De Niro", nconst="nm0000134")
ONLY_SURNAME = msgspec.structs.replace(DE_NIRO, kind="surname", target_string="De Niro")
ONLY_FIRST_NAME = msgspec.structs.replace(DE_NIRO, kind="firstname", target_string="Robert")


@pytest.mark.parametrize(
    ("query", "nconst", "name", "right"),
    [
        (DE_NIRO, "nm0000134", "Robert De Niro", True),
        (DE_NIRO, "nm9", "Robert de Niro", True),
        (DE_NIRO, "nm9", "Robert De Niro Sr.", False),
        (ONLY_SURNAME, "nm9", "Drena De Niro", True),
        (ONLY_SURNAME, "nm9", "Niro De", False),
        (ONLY_FIRST_NAME, "nm9", "Roberta Flack", False),
    ],
)
def test_what_counts_as_right(query: Query, nconst: str, name: str, right: bool) -> None:
    assert is_right(query, nconst, name) is right


def test_names_weigh_alike_however_many_queries_they_have() -> None:
    def judged(name: str, rank: int | None) -> Judged:
        hits = [Person(f"nm{at}", name if at == rank else "Nobody", 0.95) for at in range(1, 11)]
        return judge(Query(query=name, correct_name=name), SearchReply(hits))

    rows = [judged("Ada One", 1), judged("Ada One", 1), judged("Ada One", 1), judged("Bo Two", 6)]
    recall = measure_recall([*rows, judged("Bo Two", None)])
    assert (recall.names, recall.queries) == (2, 5)
    assert (recall.at_1.mean, recall.at_5.mean, recall.at_10.mean) == (0.5, 0.5, 0.75)
    assert recall.mrr.mean == pytest.approx((1 + 1 / 12) / 2)
    reliability = measure_reliability(rows)
    assert [(each.low, each.count, each.share_right) for each in reliability.bins] == [(0.9, 4, 0.75)]
    assert reliability.calibration_error == pytest.approx(0.2)


def test_an_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    values = {str(number): [float(number % 3 == 0)] for number in range(60)}
    found = estimate(values)
    assert found.mean == pytest.approx(1 / 3)
    assert found.low < found.mean < found.high
    assert 0.08 < found.high - found.mean < 0.16  # 1.96 sqrt(p (1 - p) / n) is 0.12
    assert found == estimate(values)


def test_a_file_needs_query_and_name_only(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text('query\tcorrect_name\n"jake gylenhal\tJake Gyllenhaal\n')
    assert read_queries(path) == [
        Query(query='"jake gylenhal', correct_name="Jake Gyllenhaal", osa_distance=2)
    ]
    path.write_text("query\njake\n")
    with pytest.raises(ValueError, match="line 2"):
        read_queries(path)


def test_parts_of_names() -> None:
    assert surname_of("Robert De Niro Jr.") == "De Niro"
    assert surname_of("Jean-Claude Van Damme") == "Van Damme"
    assert surname_of("Cher") == "Cher"
    assert type_plainly("Renée O’Connor Jr.") == "renee o'connor jr"
    assert set(NEIGHBOURS["g"]) == set("ftyhvb")
