"""Status, metrics and alerts on the real engine, from hand-made records; alerts go to a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from prometheus_client import CollectorRegistry

from marquee.api import telemetry
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.records import Record, Records, Version, index_name
from marquee.errors import EngineRejectedError, SettingsError
from marquee.reindex import alerts
from marquee.reindex.alerts import Alerts
from marquee.reindex.job import Job, JobRequest, State
from marquee.reindex.pin import Pin
from marquee.reindex.presence import Presence
from marquee.reindex.status import read_status
from marquee.settings import Settings
from tests.conftest import remove_indexes
from tests.flood import full_disk
from tests.statuses import GENERATION, RED, make_stale, make_status, make_unreachable, summarise

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)


@pytest.fixture
async def records(cluster: Cluster, settings: Settings) -> AsyncIterator[Records]:
    prefix = f"{settings.index_prefix}-fresh"
    await remove_indexes(cluster, prefix)
    yield Records(cluster, prefix)
    await remove_indexes(cluster, prefix)


@pytest.fixture
async def away() -> AsyncIterator[Cluster]:
    """A cluster at an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with Cluster(Endpoint(urls=(f"http://127.0.0.1:{port}",))) as cluster:
        yield cluster


class Receiver:
    """An HTTP server that takes alerts, or refuses them while `status` says so."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.attempts, self.status = 0, 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.attempts += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"json://user:s3cret@127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def titles(self) -> list[str]:
        return [each["title"].split("] ")[1] for each in self.messages]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def second() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def write_job(
    records: Records, name: str, state: State, hours_ago: float, dry_run: bool = False
) -> None:
    at = NOW - timedelta(hours=hours_ago)
    job = Job(
        id=name,
        state=state,
        requested_by="test",
        requested_at=at,
        ended_at=None if state == "running" else at,
        reason=f"why {name}",
        request=JobRequest(dry_run=dry_run),
    )
    await records.create(f"job-{name}", "job", job, at)


async def test_the_status_of_a_service_without_records(records: Records) -> None:
    status = await read_status(records.cluster, records.prefix)
    assert status.engine.version
    assert (status.last_job, status.last_result, status.last_success_at, status.next_run_at) == (None,) * 4
    assert (status.pinned, status.workers) == (None, 0)


async def test_the_status_tells_of_jobs_workers_and_the_pin(records: Records) -> None:
    await write_job(records, "good", "succeeded", 9)
    await write_job(records, "bad", "failed", 6)
    await write_job(records, "gone", "cancelled", 5)
    await write_job(records, "now", "running", 4)
    await write_job(records, "dry", "succeeded", 3, dry_run=True)
    for name, seen, looks in [("a", 0, 5), ("b", 1, 2), ("c", 2, None), ("dead", 600, 1)]:
        presence = Presence(
            id=name,
            version="1",
            started_at=NOW,
            seen_at=datetime.now(UTC) - timedelta(seconds=seen),
            next_run_at=NOW + timedelta(hours=looks) if looks else None,
        )
        await records.put(f"worker-{name}", "worker", presence, presence.seen_at)
    await records.put("pin", "pin", Pin(generation=GENERATION, by="test", at=NOW))
    status = await read_status(records.cluster, records.prefix)
    assert status.last_job is not None
    assert status.last_result is not None
    assert (status.last_job.id, status.last_job.state, status.last_job.ended_at) == ("now", "running", None)
    assert (status.last_result.id, status.last_result.reason) == ("bad", "why bad")
    assert status.last_success_at == NOW - timedelta(hours=9)
    assert (status.workers, status.next_run_at) == (3, NOW + timedelta(hours=2))
    assert status.pinned == GENERATION


async def test_records_that_cannot_be_read_leave_the_rest_of_the_status(
    cluster: Cluster, sample: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await read_status(cluster, settings.index_prefix)
    assert expected.last_success_at is not None, "without a job, it is when the live generation went live"

    odd = Record("odd", {"id": 1}, Version(1, 1))  # as another release may write it

    async def answer(*_: object) -> Record:
        return odd

    async def list_odd(*_: object) -> list[Record]:
        return [odd]

    monkeypatch.setattr(Records, "list_newest", list_odd)
    monkeypatch.setattr(Records, "get", answer)
    status = await read_status(cluster, settings.index_prefix)
    assert (status.generation, status.fresh, status.counts) == (sample, True, expected.counts)
    assert (status.last_job, status.workers, status.pinned) == (None, 0, None)


async def test_the_status_of_an_engine_that_is_away(away: Cluster) -> None:
    status = await read_status(away, "nothing")
    assert (status.engine.status, status.degraded, status.workers) == ("unreachable", True, None)


async def test_an_incident_is_told_once_and_its_end_once(records: Records, receiver: Receiver) -> None:
    mine = Alerts(records, [receiver.url])
    for status in (
        make_status(),
        make_stale(),
        make_stale(),
        make_stale(25 * 3600),
        make_status(),
        make_status(),
    ):
        await mine.look(status)
    assert receiver.titles == ["data are 1 d old", "data are fresh again"]
    first, last = receiver.messages
    assert (first["type"], last["type"]) == ("failure", "success")
    assert first["title"].startswith(f"[{records.prefix}] ")
    for part in (
        GENERATION,
        "28,079 actors",
        "data age: 1 d",
        "What to do: ",
        f"index prefix {records.prefix}",
    ):
        assert part in first["message"]
    assert "It was: data are 1 d old." in last["message"]


async def test_a_restarted_worker_knows_what_was_told(records: Records, receiver: Receiver) -> None:
    await Alerts(records, [receiver.url]).look(make_stale())
    restarted = Alerts(records, [receiver.url])
    for status in (make_stale(), make_stale(), make_status()):
        await restarted.look(status)
    assert receiver.titles == ["data are 1 d old", "data are fresh again"]


async def test_each_kind_of_trouble_is_an_incident_of_its_own(records: Records, receiver: Receiver) -> None:
    mine = Alerts(records, [receiver.url])
    await mine.look(make_stale(last_result=summarise("refused", "half of the actors are gone")))
    assert sorted(receiver.titles) == ["a reindex was refused", "data are 1 d old"]
    # The next one fails in another way: that is the same trouble, which lasts.
    await mine.look(make_stale(last_result=summarise("failed")))
    await mine.look(make_stale(last_result=None))
    assert len(receiver.messages) == 2
    await mine.look(make_stale(last_result=summarise("succeeded")))
    assert receiver.titles[2:] == ["a reindex succeeded again"]
    assert "It was: a reindex was refused." in receiver.messages[2]["message"]


async def test_of_many_workers_one_tells(records: Records, receiver: Receiver) -> None:
    workers = [Alerts(records, [receiver.url]) for _ in range(6)]

    async def look_all(status: Any) -> None:
        await asyncio.gather(*(each.look(status) for each in workers))

    for _ in range(3):
        await look_all(make_stale())
    assert receiver.titles == ["data are 1 d old"]
    for _ in range(3):
        await look_all(make_status())
    assert receiver.titles == ["data are 1 d old", "data are fresh again"]


async def test_a_status_older_than_the_incident_does_not_end_it(records: Records, receiver: Receiver) -> None:
    quick, slow = Alerts(records, [receiver.url]), Alerts(records, [receiver.url])
    await slow.look(make_status())
    await quick.look(make_stale())
    await slow.look(make_status())  # read before the other's
    await slow.look(make_stale())
    await quick.look(make_stale())
    assert receiver.titles == ["data are 1 d old"]


async def test_what_could_not_be_sent_is_sent_at_a_later_look_once(
    records: Records, receiver: Receiver, second: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    urls = [receiver.url, second.url]
    mine, other = Alerts(records, urls), Alerts(records, urls)
    second.status = 500
    await mine.look(make_stale())
    await mine.look(make_stale())
    await other.look(make_stale())
    assert (receiver.titles, second.attempts) == (["data are 1 d old"], 3)
    second.status = 200
    for each in (mine, other, mine):
        await each.look(make_stale())
    assert receiver.titles == second.titles == ["data are 1 d old"], "who has it is not told again"
    assert "address 2 of MARQUEE_ALERT_URLS did not take an alert" in caplog.text
    assert "s3cret" not in caplog.text
    assert "/hook" not in "".join(
        each.message for each in caplog.records if each.name != "urllib3.connectionpool"
    )


async def test_trouble_that_ended_before_anybody_could_be_told_is_told_when_it_is_over(
    records: Records, receiver: Receiver
) -> None:
    mine = Alerts(records, [receiver.url])
    receiver.status = 500
    await mine.look(make_stale())
    await mine.look(make_status())
    receiver.status = 200
    await mine.look(make_status())
    assert receiver.titles == ["data are fresh again"]
    assert "It was: data are 1 d old." in receiver.messages[0]["message"]


async def test_a_receiver_that_hangs_is_given_up(
    records: Records, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerts, "SEND_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mine = Alerts(records, [f"json://127.0.0.1:{silent.getsockname()[1]}/"])
        await asyncio.wait_for(mine.look(make_stale()), 3)
    assert "address 1 of MARQUEE_ALERT_URLS did not take an alert" in caplog.text


async def test_who_died_while_telling_is_stood_in_for(
    records: Records, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)  # not the suite's beginning: a claim ends after five minutes
    claimed = alerts.Incident(is_open=True, opened_at=now, is_told=False, claimed_at=now)
    await records.create("incident-stale", "incident", claimed)
    mine = Alerts(records, [receiver.url])
    await mine.look(make_stale())
    assert receiver.messages == []
    monkeypatch.setattr(alerts, "CLAIM", timedelta(0))
    await mine.look(make_stale())
    assert receiver.titles == ["data are 1 d old"]


async def test_an_engine_that_restarts_alerts_nobody(away: Cluster, receiver: Receiver) -> None:
    mine = Alerts(Records(away, "any"), [receiver.url])
    for status in (make_unreachable(), make_unreachable(), make_status(), make_unreachable()):
        await mine.look(status)
    assert receiver.messages == []


async def test_an_engine_that_stays_away_is_told_though_nothing_can_be_written(
    away: Cluster, records: Records, receiver: Receiver
) -> None:
    mine = Alerts(Records(away, "any"), [receiver.url], engine_patience_s=0)
    for status in (make_unreachable(), make_unreachable(), make_status(engine=RED), make_unreachable()):
        await mine.look(status)
    await mine.look(make_status())  # the records are still away: nothing but the engine can be told of
    await mine.look(make_status())
    assert receiver.titles == ["Elasticsearch cannot be reached", "Elasticsearch is back"]


async def test_on_a_full_disk_each_worker_follows_an_incident_by_itself(
    records: Records, receiver: Receiver, second: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = Alerts(records, [receiver.url]), Alerts(records, [second.url])
    failed = make_status(last_result=summarise("failed"))
    await records.ensure()
    async with full_disk(records.cluster, index_name(records.prefix)):
        for _ in range(3):
            await mine.look(failed)
            await other.look(failed)
        assert receiver.titles == second.titles == ["a reindex failed"]
        await mine.look(make_status())
        await mine.look(failed)
        assert receiver.titles == ["a reindex failed", "a reindex succeeded again", "a reindex failed"]
    assert "the incident failed-run is followed by this worker alone" in caplog.text


async def test_once_records_are_taken_again_nothing_is_told_twice_and_one_tells_of_the_end(
    records: Records, receiver: Receiver
) -> None:
    mine, other, restarted = (Alerts(records, [receiver.url]) for _ in range(3))
    failed = make_status(last_result=summarise("failed"))
    await records.ensure()
    async with full_disk(records.cluster, index_name(records.prefix)):
        await mine.look(failed)
        await other.look(failed)
    assert receiver.titles == ["a reindex failed"] * 2
    for each in (mine, other, restarted):
        await each.look(failed)
    assert await records.get("incident-failed-run") is not None
    for each in (other, mine, restarted, mine, other):
        await each.look(make_status())
    assert receiver.titles[2:] == ["a reindex succeeded again"]


async def test_an_incident_that_ended_on_a_full_disk_is_not_told_again(
    records: Records, receiver: Receiver
) -> None:
    mine, restarted = Alerts(records, [receiver.url]), Alerts(records, [receiver.url])
    await mine.look(make_stale())
    await records.ensure()
    async with full_disk(records.cluster, index_name(records.prefix)):
        await mine.look(make_status())
        await mine.look(make_status())
    assert receiver.titles == ["data are 1 d old", "data are fresh again"]
    await mine.look(make_status())
    for each in (restarted, mine, restarted):
        await each.look(make_status())
    assert len(receiver.messages) == 2


async def test_a_full_disk_is_told_and_that_there_is_room_again(records: Records, receiver: Receiver) -> None:
    mine, other = Alerts(records, [receiver.url]), Alerts(records, [receiver.url])
    await records.ensure()
    async with full_disk(records.cluster, index_name(records.prefix)):
        status = await read_status(records.cluster, records.prefix)
        assert (status.engine.writable, status.degraded) == (False, True)
        await mine.look(status)
        await mine.look(await read_status(records.cluster, records.prefix))
        page = await scrape(records.cluster, records.prefix)
    assert "marquee_engine_writable 0.0" in page.splitlines()
    assert receiver.titles == ["Elasticsearch takes no writes, its disk is probably full"]
    assert "Make room on its disk" in receiver.messages[0]["message"]
    status = await read_status(records.cluster, records.prefix)
    assert status.engine.writable
    for each in (mine, mine, other):
        await each.look(status)
    assert receiver.titles[1:] == ["Elasticsearch takes writes again"]


@pytest.mark.parametrize(
    ("blocks", "writable"),
    [
        ({"13": {"description": "read-only / allow delete", "retryable": False, "levels": ["write"]}}, False),
        ({"2": {"description": "no master", "retryable": True, "levels": ["write"]}}, True),
        ({"9": {"description": "no metadata", "retryable": False, "levels": ["metadata_read"]}}, True),
        (EngineRejectedError("not with this API key"), True),
    ],
)
async def test_blocks_of_the_whole_engine(
    records: Records, monkeypatch: pytest.MonkeyPatch, blocks: Any, writable: bool
) -> None:
    """Made up: of a real one everybody who uses this engine would have his share."""
    request = Cluster.request

    async def answer(self: Cluster, method: str, path: str, **named: Any) -> Any:
        if path != "/_cluster/state/blocks":
            return await request(self, method, path, **named)
        if isinstance(blocks, Exception):
            raise blocks
        return {"blocks": {"global": blocks}}

    monkeypatch.setattr(Cluster, "request", answer)
    status = await read_status(records.cluster, records.prefix)
    assert (status.engine.writable, status.workers) == (writable, 0)


async def test_without_addresses_the_log_tells_and_claims_nothing(
    records: Records, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "marquee")
    nobody = Alerts(records, [])
    for status in (make_stale(), make_stale(), make_status()):
        await nobody.look(status)
    told = [each.message for each in caplog.records if each.name == "marquee.reindex"]
    assert [each.split(":")[0] for each in told] == ["data are 1 d old", "data are fresh again"]
    await Alerts(records, [receiver.url]).look(make_stale())
    assert receiver.titles == ["data are 1 d old"]


@pytest.mark.parametrize(
    "url", ["nonsense-s3cret", "gopher://user:s3cret@host", "slack://s3cret", "://s3cret"]
)
async def test_an_unusable_address_is_said_at_the_start_without_its_secret(
    records: Records, receiver: Receiver, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SettingsError, match="MARQUEE_ALERT_URLS: address 2 ") as raised:
        Alerts(records, [receiver.url, url])
    assert "s3cret" not in str(raised.value) + caplog.text


async def scrape(cluster: Cluster, prefix: str, times: int = 1) -> str:
    figures = telemetry.Figures(cluster, prefix, CollectorRegistry())
    app = Litestar(
        [telemetry.metrics],
        dependencies={"figures": Provide(lambda: figures, sync_to_thread=False)},
        logging_config=None,
    )
    # In this very loop, to which the cluster's connections belong.
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(times)))
    (answer,) = {each.text for each in answers}
    assert {each.status_code for each in answers} == {200}
    assert answers[0].headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer


async def test_metrics_of_the_live_sample(cluster: Cluster, settings: Settings, sample: str) -> None:
    page = await scrape(cluster, settings.index_prefix)
    for line in (
        "marquee_engine_up 1.0",
        f'marquee_generation_info{{generation="{sample}",source="sample"}} 1.0',
        'marquee_documents{kind="actors"} 28079.0',
        "marquee_data_fresh 1.0",
        "marquee_pinned 0.0",
        'marquee_engine_status{status="unreachable"} 0.0',
    ):
        assert line in page.splitlines()
    assert "marquee_data_age_seconds" not in page, "the sample does not age"


async def test_metrics_while_the_engine_is_away(away: Cluster) -> None:
    page = await scrape(away, "any")
    assert "marquee_engine_up 0.0" in page.splitlines()
    assert 'marquee_engine_status{status="unreachable"} 1.0' in page.splitlines()
    assert "marquee_workers" not in page


async def test_many_scrapes_ask_the_engine_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def count(*_: object) -> Any:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        return make_status()

    monkeypatch.setattr(telemetry, "read_status", count)
    assert "marquee_workers 2.0" in await scrape(cluster, "any", times=20)
    assert asked == 1


async def test_an_engine_that_hangs_is_away(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> Any:
        await asyncio.sleep(60)

    monkeypatch.setattr(telemetry, "read_status", hang)
    monkeypatch.setattr(telemetry, "READ_TIMEOUT_S", 0.05)
    assert "marquee_engine_up 0.0" in await scrape(cluster, "any")
