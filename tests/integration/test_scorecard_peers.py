"""The scorecard's peers: those that need nothing find people, and one that fails never ends the run."""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import psutil
import pytest

# The benchmarks are a folder of the checkout, not an installed package.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers import pg_trgm
from benchmarks.peers.engine_node import URL_VARIABLE
from benchmarks.peers.host import RETRY_AFTER_S
from benchmarks.peers.hosted import HostedPeer
from benchmarks.peers.meilisearch import Meilisearch
from benchmarks.peers.protocol import Corpus, PeerError
from benchmarks.peers.registry import MARQUEE, PEERS, Spec, Starter
from benchmarks.peers.tutorial import Tutorial
from benchmarks.peers.typesense import Typesense
from benchmarks.query_set import Query, write_queries
from benchmarks.scorecard import corpora, growth, promises, quality, speed
from benchmarks.scorecard.lineup import Lineup, line_up
from benchmarks.scorecard.results import Scorecard
from benchmarks.scorecard.run import Options, Run
from marquee.engine.cluster import Endpoint
from marquee.settings import read_settings
from tests.conftest import HEADERS
from tests.search_servers import MeilisearchHandler, TypesenseHandler, run_search_server

PEOPLE = [("nm0000001", "Ada Lovelace"), ("nm0000002", "Renée O’Connor"), ("nm0000003", "Jake Gyllenhaal")]
SOUND = Spec(title="sound", factory="tests.faulty_peers:Sound", setup="")
PLAN = speed.Plan(rounds=2, questions=5, hammer_rounds=1, hammer_s=0.05)


def faulty(name: str, **options: Any) -> Spec:
    return Spec(title=name, factory=f"tests.faulty_peers:{name}", setup="", options=options)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpora.make(400, tmp_path_factory.mktemp("corpus") / "synth")


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    nowhere = Endpoint(urls=("http://127.0.0.1:9",))
    return Starter(nowhere, tmp_path, "test-scorecard", {}, install=False)


def leave_out(reason: str) -> NoReturn:
    """Skip a test of what a developer's machine need not have, CI's must."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def host(name: str, timeout_s: float = 20.0, **options: Any) -> Iterator[HostedPeer]:
    peer = HostedPeer(f"tests.faulty_peers:{name}", options, {}, answer_timeout_s=timeout_s)
    try:
        yield peer
    finally:
        peer.close()


@pytest.mark.parametrize("name", ["sqlite", "rapidfuzz", "postgresql", "tantivy", "cinemagoer"])
def test_peers_find_and_complete(name: str, tmp_path: Path) -> None:
    rows = [
        HEADERS["name.basics"],
        *((nconst, text, r"\N", r"\N", "actor", r"\N") for nconst, text in PEOPLE),
    ]
    source = tmp_path / "source"
    source.mkdir()
    with gzip.open(source / "name.basics.tsv.gz", "wt", encoding="utf-8") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)
    corpus = corpora.prepare(source, tmp_path / "prepared")
    assert corpus.people == 3
    # Packages that a run of the scorecard has installed serve as well as those of the extra `peers`.
    home = read_settings()[0].home
    starter = Starter(Endpoint(urls=("http://127.0.0.1:9",)), home, "test", {}, install=False)
    try:
        peer = starter.start(name, PEERS[name])
    except PeerError as error:
        leave_out(str(error))
    try:
        if name == "postgresql" and pg_trgm.find_binaries() is None:
            leave_out("no PostgreSQL here")
        assert peer.build(corpus).seconds > 0
        assert peer.build(corpus).seconds > 0, "a second build takes the place of the first"
        assert peer.search("jake gylenhal").hits[0].nconst == "nm0000003"
        assert peer.search("renee oconnor").hits[0].name == "Renée O’Connor"
        assert peer.search("山田").hits == peer.search("?!").hits == []
        if PEERS[name].completes:
            assert peer.suggest("ada l").suggestions[0].nconst == "nm0000001"
            assert peer.suggest("?!").suggestions == []
        else:
            with pytest.raises(PeerError, match="completes nothing"):
                peer.suggest("ada l")
        hammered = peer.hammer("search", ["ada", "jake"], clients=4, seconds=0.1)
        assert hammered.answered == len(hammered.took_ms) > 0
        assert peer.resident_bytes() > 1 << 20
        servers = psutil.Process(peer.pid).children(recursive=True)
    finally:
        peer.close()
    assert bool(servers) == (name == "postgresql")
    assert not any(each.is_running() for each in servers)
    assert not psutil.pid_exists(peer.pid)


@pytest.mark.parametrize(
    ("peer_class", "handler", "variable"),
    [
        (Meilisearch, MeilisearchHandler, "MEILISEARCH_API_KEY"),
        (Typesense, TypesenseHandler, "TYPESENSE_API_KEY"),
    ],
)
def test_servers_are_asked_as_their_manuals_say(
    peer_class: type[Meilisearch] | type[Typesense],
    handler: type[MeilisearchHandler] | type[TypesenseHandler],
    variable: str,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, "the-key")
    with run_search_server(handler) as server:
        peer = peer_class(server.url)
        peer.build(corpus)
        assert peer.build(corpus).seconds > 0, "a second build takes the place of the first"
        assert len(server.held) == corpus.people
        best = max(server.held.values(), key=lambda each: each["popularity"])
        assert best["name"] in [each.name for each in peer.search(best["name"], 3).hits]
        assert len(peer.suggest("a", 5).suggestions) == 5
        peer.close()
        assert not server.held, "what it made there is deleted"
        assert {key and key.removeprefix("Bearer ") for key in server.keys} == {"the-key"}
        server.refuses = True
        with pytest.raises(PeerError, match=r"No space left|took 0 of"):
            peer.build(corpus)


def test_a_bulk_request_that_was_not_taken_whole_is_an_error(corpus: Corpus) -> None:
    class Refusing(TypesenseHandler):
        def answer(self, path: str, body: bytes) -> Any:
            return 200, {"errors": True} if path.endswith("/_bulk") else {}

    with run_search_server(Refusing) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL_VARIABLE, server.url)
        with pytest.raises(PeerError, match="did not take all"):
            Tutorial("test-tutorial").build(corpus)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Dies", "ended with code 3: Segmentation fault, says the library"),
        ("Raises", "ConnectionResetError: the server went away"),
        ("Hangs", "no answer within 1 s"),
        ("Babbles", "no answer"),
    ],
)
def test_a_failure_in_the_middle_is_an_error_in_one_line(name: str, reason: str, corpus: Corpus) -> None:
    with host(name, timeout_s=1.0, at=2) as peer:
        peer.build(corpus)
        peer.search("ada")
        with pytest.raises(PeerError, match=reason):
            peer.search("ada")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("Unstartable", "licence has run out"), ("Unbuildable", "No space left"), ("Missing", "AttributeError")],
)
def test_what_cannot_begin_says_why(name: str, reason: str, corpus: Corpus) -> None:
    with host(name) as peer, pytest.raises(PeerError, match=reason):
        peer.build(corpus)


def test_an_answer_that_is_none_is_an_error(corpus: Corpus) -> None:
    with host("AnswersNonsense") as peer:
        peer.build(corpus)
        with pytest.raises(PeerError, match="no answer"):
            peer.search("ada")


def test_a_refused_question_is_put_again_and_counted_under_load(corpus: Corpus) -> None:
    with host("Refuses", at=2) as peer:
        peer.build(corpus)
        peer.search("ada")
        (answer,) = peer.ask("search", ["ada"])
        assert answer.took_ms >= 1000 * RETRY_AFTER_S
        hammered = peer.hammer("search", ["ada"], clients=2, seconds=0.05)
        assert hammered.refused == pytest.approx(hammered.answered / 2, abs=3)
    with host("Refuses", forever=True) as peer:
        peer.build(corpus)
        with pytest.raises(PeerError, match="too much at once"):
            peer.search("ada")
        with pytest.raises(PeerError, match="answered none of 2 clients"):
            peer.hammer("search", ["ada"], clients=2, seconds=0.05)


def test_a_server_of_a_peer_that_died_is_stopped(corpus: Corpus) -> None:
    with host("LeavesServer", at=1) as peer:
        peer.build(corpus)
        (server,) = psutil.Process(peer.pid).children()
        with pytest.raises(PeerError, match="ended with code 1"):
            peer.search("ada")
    for _ in range(100):
        if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the server still runs")


def test_a_peer_ends_with_its_parent(corpus: Corpus) -> None:
    with host("Sound") as peer:
        peer.build(corpus)
        assert peer._process.stdin is not None
        peer._process.stdin.close()  # what is left of it when the parent is killed
        assert peer._process.wait(10) == 0


def test_the_others_go_on_when_one_fails(starter: Starter, corpus: Corpus, tmp_path: Path) -> None:
    specs = {
        MARQUEE: SOUND,
        "elasticsearch": faulty("Dies", at=60),
        "postgresql": faulty("Unbuildable"),
        "sqlite": faulty("FindsNobody"),
        "tantivy": faulty("Raises", at=150),
    }
    path = tmp_path / "typed.tsv"
    names = [name for _, name in PEOPLE]
    people = [line.split("\t") for line in (Path(corpus.folder) / "people.tsv").read_text().splitlines()]
    queries = [Query(query=name.lower(), correct_name=name, nconst=nconst) for nconst, name, _ in people]
    write_queries(path, [*queries[:120], *(Query(query=name, correct_name=name) for name in names)])
    with line_up(starter, specs, corpus) as lineup:
        found = quality.measure(lineup, quality.Questions(corpus, path, every=1, names=2))
        rates = speed.measure(lineup, corpus, PLAN)
    assert set(lineup.not_measured) == {"elasticsearch", "postgresql", "sqlite", "tantivy"}
    assert "found 0 of 20 people" in lineup.not_measured["sqlite"]
    assert "No space left" in lineup.not_measured["postgresql"]
    assert list(found) == list(rates) == [MARQUEE]
    assert found[MARQUEE].misspelt.at_1.mean > 0.9
    assert found[MARQUEE].misspelt_ranks.endswith("   "), "who is not in the data is not asked for"
    assert rates[MARQUEE].search_ratio.median == 1.0
    assert rates[MARQUEE].throughput[16].low > 0


def test_growth_keeps_what_a_peer_did_before_it_failed(starter: Starter, tmp_path: Path) -> None:
    specs = {MARQUEE: SOUND, "sqlite": faulty("Unbuildable")}
    peers, missing = growth.measure(starter, specs, (200, 400), tmp_path)
    assert [point.people for point in peers[MARQUEE].points] == [200, 400]
    assert set(peers[MARQUEE].exponents) == {"search_p50", "index", "disk"}
    assert list(missing) == ["sqlite"]
    assert "No space left" in missing["sqlite"]


def test_what_the_machine_lacks_is_not_measured_with_its_reason(
    starter: Starter, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = Spec(title="x", factory="x:X", setup="", packages=("no-such",), imports=("no_such_module",))
    refusing = {"meilisearch": "http://127.0.0.1:9", "typesense": "nowhere"}
    with_urls = Starter(Endpoint(urls=("http://127.0.0.1:9",)), tmp_path, "test", refusing, install=False)
    lineup = Lineup(
        with_urls, {name: PEERS[name] for name in refusing} | {"elasticsearch": PEERS["elasticsearch"]}
    )
    try:
        lineup.start(corpus)
    finally:
        lineup.close()
    assert "refused" in lineup.not_measured["meilisearch"]
    assert "is no address" in lineup.not_measured["typesense"]
    assert "refused" in lineup.not_measured["elasticsearch"]
    with pytest.raises(PeerError, match="not installed"):
        starter.start("x", absent)
    with pytest.raises(PeerError, match="no --meilisearch URL"):
        starter.start("meilisearch", PEERS["meilisearch"])
    monkeypatch.setattr(pg_trgm, "find_binaries", lambda: None)
    with pytest.raises(PeerError, match="no initdb"):
        pg_trgm.PgTrgm(install=False).build(corpus)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeerError, match="apt-get"):
        pg_trgm.install_package()


def test_packages_that_pip_cannot_get_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # as without a network
    absent = Spec(title="x", factory="x:X", setup="", packages=("no-such",), imports=("no_such_module",))
    with pytest.raises(PeerError, match="no-such: pip failed"):
        Starter(Endpoint(urls=("http://127.0.0.1:9",)), tmp_path, "test", {}).start("x", absent)


def test_promises_are_not_measured_without_marquee(starter: Starter, corpus: Corpus) -> None:
    lineup = Lineup(starter, {})
    lineup.not_measured[MARQUEE] = "connection refused"
    with pytest.raises(PeerError, match="connection refused"):
        promises.measure(lineup, corpus, promises.QUICK, None)


def test_a_section_that_fails_loses_no_other_one_and_resuming_skips_what_is_done(
    starter: Starter, tmp_path: Path
) -> None:
    def make(sections: tuple[str, ...], sizes: tuple[int, ...] = (200,)) -> Run:
        options = Options(sections=sections, quick=True, only=(MARQUEE, "sqlite"), sizes=sizes, people=200)
        return Run(
            options, "a test", Endpoint(urls=("http://127.0.0.1:9",)), starter,
            work=tmp_path, prefix="test-scorecard", engine="none", progress=tmp_path / "run.json",
        )  # fmt: skip

    saved: list[Scorecard] = []
    first = make(("reindex", "growth"))
    assert first.resume() == []
    first.go([], lambda card: saved.append(msgspec.structs.replace(card)))
    assert set(first.failures) == {"reindex", "growth"}
    assert first.failures["growth"].startswith("Marquee itself: ")
    (card,) = saved
    assert card.growth is not None
    assert list(card.growth.peers) == ["sqlite"]
    assert card.reindex is None

    again = make(("reindex", "growth"))
    assert again.resume() == ["growth"]
    assert again.card.growth == card.growth
    assert make(("growth",), sizes=(300,)).resume() == [], "of other options"
    (tmp_path / "run.json").write_text("{")
    assert make(("growth",)).resume() == []
