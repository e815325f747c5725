"""Both Python clients where there is no answer, or not the one that was wanted."""

from __future__ import annotations

import asyncio
import json
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from marquee import client
from marquee.client import AsyncClient, Client, patience
from marquee.client.errors import class_of
from marquee.client.patience import Options, Tries, read_retry_after
from marquee.errors import SettingsError
from tests.misbehaving import Misbehaving, cut, drip, drip_head, hang, refuse, reply, run_misbehaving, stream

LIVE = '{"status": "live"}'
TOKEN = "a-token-nobody-may-see"
JOB = {
    "id": "k1", "kind": "reindex", "requested_by": "me", "requested_at": "2026-01-01T00:00:00Z",
    "request": {"kind": "reindex"},
}  # fmt: skip

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment only where the service does not say how long."""
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with run_misbehaving() as server:
        yield server


@pytest.fixture(params=["waiting", "awaiting"])
def ask(request: pytest.FixtureRequest, server: Misbehaving) -> Ask:
    """Call a method of either client, `live` by default; options are the client's. Lists what is iterated."""

    async def wait(method: str, *args: Any, **options: Any) -> Any:
        async with AsyncClient(**{"base_url": server.url, "token": TOKEN} | options) as asking:
            answered = getattr(asking, method)(*args)
            if hasattr(answered, "__aiter__"):
                return [each async for each in answered]
            return await answered

    def ask(method: str = "live", *args: Any, **options: Any) -> Any:
        if request.param == "awaiting":
            return asyncio.run(wait(method, *args, **options))
        with Client(**{"base_url": server.url, "token": TOKEN} | options) as asking:
            answered = getattr(asking, method)(*args)
            return list(answered) if hasattr(answered, "__next__") else answered

    return ask


# Asking again


def test_what_is_away_is_asked_again_when_it_says(server: Misbehaving, ask: Ask) -> None:
    server.will(refuse(503, {"Retry-After": "1"}), reply(LIVE))
    assert ask().status == "live"
    assert 0.99 <= server.at[1] - server.at[0] < 3
    assert f"authorization: bearer {TOKEN}" in server.asked[1].lower()


def test_a_date_says_when_too(server: Misbehaving, ask: Ask) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.will(refuse(429, {"Retry-After": soon}), reply(LIVE))
    assert ask().status == "live"
    assert 0.5 < server.at[1] - server.at[0] < 4


@pytest.mark.parametrize(
    "fault",
    [cut, reply(LIVE, missing=5), refuse(503), refuse(502), refuse(429, {"Retry-After": "0"})],
    ids=["cut", "half", "503", "502", "429"],
)
def test_what_passes_is_tried_again_and_then_told(server: Misbehaving, ask: Ask, fault: Any) -> None:
    server.will(fault, fault, reply(LIVE))
    assert ask().status == "live"
    server.asked.clear()
    server.will(fault)
    with pytest.raises((client.ConnectionLostError, client.UnavailableError, client.RateLimitedError)):
        ask()
    assert len(server.asked) == 3


def test_a_longer_wait_than_one_is_willing_to_is_not_begun(server: Misbehaving, ask: Ask) -> None:
    server.will(refuse(503, {"Retry-After": "60", "X-Request-Id": "r1"}))
    began = time.monotonic()
    with pytest.raises(client.UnavailableError) as raised:
        ask()
    assert time.monotonic() - began < 2
    assert (raised.value.retry_after_s, raised.value.request_id) == (60.0, "r1")
    assert len(server.asked) == 1


def test_each_wait_is_twice_the_one_before_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.2)
    tries = Tries(Options(base_url="http://host", retries=2000, max_retry_wait_s=3), is_repeatable=True)
    waits = [tries.plan(client.ConnectionLostError("broken")) for _ in range(2000)]
    for place, wait_s in enumerate(waits[:3]):
        assert 0.1 * 2**place <= wait_s <= 0.3 * 2**place
    assert len(set(waits[:3])) == 3, "clients that were cut off at once don't come back at once"
    assert set(waits[10:]) == {3}
    with pytest.raises(client.ConnectionLostError):
        tries.plan(client.ConnectionLostError("broken"))


def test_a_head_that_drips_ends_in_time(server: Misbehaving) -> None:
    async def wait() -> None:
        async with AsyncClient(server.url, timeout_s=0.5) as asking:
            await asking.live()

    server.will(drip_head)
    began = time.monotonic()
    with pytest.raises(client.TimedOutError, match=r"within 0\.5 s"):
        asyncio.run(wait())
    assert time.monotonic() - began < 3


def test_all_tries_and_waits_end_in_time(server: Misbehaving, ask: Ask) -> None:
    server.will(refuse(429, {"Retry-After": "1"}))
    began = time.monotonic()
    with pytest.raises(client.RateLimitedError):
        ask(timeout_s=1.5, retries=100)
    assert time.monotonic() - began < 3
    assert len(server.asked) == 2


CHANGING = (["request_job"], ["pin", "v1"], ["unpin"], ["cancel_job", "k1"], ["clear_cache"])


def test_what_changes_something_is_sent_once(server: Misbehaving, ask: Ask) -> None:
    for fault, error in ((refuse(503), client.UnavailableError), (cut, client.ConnectionLostError)):
        for method, *args in CHANGING:
            server.asked.clear()
            server.will(fault)
            with pytest.raises(error):
                ask(method, *args)
            assert len(server.asked) == 1, method


def test_a_match_changes_nothing_and_is_sent_again(server: Misbehaving, ask: Ask) -> None:
    server.will(refuse(503, {"Retry-After": "0"}), reply('{"generation": "v1", "results": {}}'))
    assert ask("match", ["somebody"]).results == {}
    assert server.bodies[0] == server.bodies[1]
    assert json.loads(server.bodies[0])["queries"] == [{"id": "somebody", "name": "somebody"} | UNSAID]


UNSAID = {"born": None, "born_tolerance": 1, "title": None}


def test_a_job_with_a_key_is_the_same_job_however_often(server: Misbehaving) -> None:
    server.will(cut, reply(json.dumps(JOB), 202))
    with Client(server.url) as asking:
        assert asking.request_job(idempotency_key="once").id == "k1"
    assert all("idempotency-key: once" in head.lower() for head in server.asked)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("3", 3.0), (" 0 ", 0.0), ("soon", None), ("-1", None), ("1.5", None), ("", None),
        ("9" * 400, 999_999_999.0), ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0), ("99 Foo 2026", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value) == seconds


# No answer


def test_nobody_listens(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(
        client.ConnectionLostError, match=f"no answer from http://127.0.0.1:{port}: "
    ) as raised:
        ask(base_url=f"http://somebody:{TOKEN}@127.0.0.1:{port}")
    assert raised.value.__cause__ is not None
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("slow", [hang, drip])
def test_an_answer_that_takes_too_long_is_not_waited_for(server: Misbehaving, ask: Ask, slow: Any) -> None:
    server.will(slow)
    began = time.monotonic()
    with pytest.raises(client.TimedOutError, match=r"within 0\.5 s"):
        ask(timeout_s=0.5)
    assert time.monotonic() - began < 2
    assert len(server.asked) == 1, "the time is up: there is none for another try"


# Not the answer that was wanted


@pytest.mark.parametrize(
    "strange",
    [
        reply("<!doctype html><title>Welcome</title>", headers={"Content-Type": "text/html"}),
        reply(b"\xff\xfe{"), reply(""), reply("null"), reply("[]"), reply('{"status": 3}'),
        reply("[" * 100_000), reply("", 204), reply("", 301, {"Location": "http://127.0.0.2:9/"}),
        reply("", 304),
    ],
    ids=["html", "bytes", "empty", "null", "list", "type", "deep", "204", "301", "304"],
)  # fmt: skip
def test_what_is_not_marquees_is_not_understood(server: Misbehaving, ask: Ask, strange: Any) -> None:
    server.will(strange)
    with pytest.raises(client.NotUnderstoodError) as raised:
        ask()
    assert "\n" not in str(raised.value)
    assert len(server.asked) == 1, "the same would come again"


def test_a_problem_of_an_unknown_type_is_told_by_its_status(server: Misbehaving, ask: Ask) -> None:
    server.will(
        refuse(
            409, type="/problems/of-a-newer-release", title="New", detail="a\x1b[31m\nb", moon="full",
            errors=[{"parameter": "q", "message": "no", "advice": "yes"}],
        )
    )  # fmt: skip
    with pytest.raises(client.ConflictError) as raised:
        ask()
    error = raised.value
    assert (error.type, error.title, error.status) == ("/problems/of-a-newer-release", "New", 409)
    assert error.detail == "a\x1b[31m\nb"
    assert str(error) == "409 New: a [31m b"
    assert error.errors == (client.ParameterError("q", "no"),)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (reply("<html>Bad\n Gateway", 502, {"Content-Type": "text/html"}), "<html>Bad Gateway"),
        (reply('{"type": "/prob', 502, {"Content-Type": "application/problem+json"}), ""),
        (reply('{"status": "x"}', 502, {"Content-Type": "application/problem+json"}), ""),
        (reply("", 502), ""),
        (reply("x" * 1000, 502), "x" * 200),
    ],
)
def test_an_error_that_is_no_problem_is_one_made_from_its_status(
    server: Misbehaving, ask: Ask, answer: Any, detail: str
) -> None:
    server.will(answer)
    with pytest.raises(client.UnavailableError) as raised:
        ask(retries=0)
    problem = raised.value.problem
    assert (problem.type, problem.title, problem.status) == ("about:blank", "Bad Gateway", 502)
    assert problem.detail == detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, client.BadRequestError), (401, client.UnauthorizedError), (403, client.ForbiddenError),
        (404, client.NotFoundError), (405, client.BadRequestError), (408, client.BadRequestError),
        (409, client.ConflictError), (413, client.BadRequestError), (418, client.BadRequestError),
        (429, client.RateLimitedError), (500, client.ProblemError), (502, client.UnavailableError),
        (503, client.UnavailableError), (504, client.UnavailableError), (599, client.ProblemError),
    ],
)  # fmt: skip
def test_each_status_has_its_class(status: int, kind: type[client.ProblemError]) -> None:
    assert class_of(status) is kind


def test_what_is_raised_can_be_sent_to_another_process(server: Misbehaving) -> None:
    server.will(refuse(404, detail="nobody"))
    with Client(server.url) as asking, pytest.raises(client.NotFoundError) as raised:
        asking.actor("nm0000000")
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301
    assert (str(copy), copy.detail, copy.request_id) == ("404 No: nobody", "nobody", None)


# Events


def event(**changes: Any) -> bytes:
    return f"event: job\ndata: {json.dumps(JOB | changes)}\n\n".encode()


def test_events_come_as_they_are_cut(server: Misbehaving, ask: Ask) -> None:
    whole = event(state="running", reason="für\u2028Ümläute") + b": still here\n\n" + event(state="succeeded")
    whole = whole.replace(b"\\u2028", "\u2028".encode())
    server.will(stream(*(whole[place : place + 1] for place in range(len(whole)))))
    assert [each.state for each in ask("follow_job", "k1")] == ["running", "succeeded"]
    server.will(stream(whole.replace(b"\n", b"\r\n")))
    assert [each.state for each in ask("follow_job", "k1")] == ["running", "succeeded"]


def test_a_stream_that_breaks_off_is_begun_anew(server: Misbehaving, ask: Ask) -> None:
    running = event(state="running")
    server.will(
        stream(running, running[:40], whole=False),
        refuse(503, {"Retry-After": "0"}),
        stream(running, event(state="running", percent=50.0), whole=False),
        stream(running),
        stream(event(state="succeeded"), event(state="running")),
    )
    told = [(each.state, each.percent) for each in ask("follow_job", "k1")]
    assert told == [("running", 0.0), ("running", 50.0), ("running", 0.0), ("succeeded", 0.0)]
    assert len(server.asked) == 5


@pytest.mark.parametrize("broken", [stream(event()), stream(event()[:50], whole=False), cut, refuse(503)])
def test_one_that_always_breaks_off_is_given_up(server: Misbehaving, ask: Ask, broken: Any) -> None:
    server.will(broken)
    with pytest.raises((client.ConnectionLostError, client.UnavailableError)):
        ask("follow_job", "k1")
    assert len(server.asked) == 3


def test_one_that_is_silent_is_given_up(server: Misbehaving, ask: Ask) -> None:
    server.will(hang)
    began = time.monotonic()
    with pytest.raises(client.ConnectionLostError):
        ask("follow_job", "k1", timeout_s=0.2)
    assert time.monotonic() - began < 4
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "strange",
    [
        reply(LIVE),
        stream(b"data: {}\n\n"),
        stream(b"data: x\n\n"),
        stream(LIVE.encode(), media_type="text/html"),
    ],
)
def test_what_is_no_event_is_not_understood(server: Misbehaving, ask: Ask, strange: Any) -> None:
    server.will(strange)
    with pytest.raises(client.NotUnderstoodError):
        ask("follow_job", "k1")
    assert len(server.asked) == 1


def test_an_unknown_job_is_not_followed(server: Misbehaving, ask: Ask) -> None:
    server.will(refuse(404))
    with pytest.raises(client.NotFoundError):
        ask("follow_job", "k1")


# A newer service


def test_what_a_newer_service_says_more_does_no_harm(server: Misbehaving, ask: Ask) -> None:
    hit = {
        "nconst": "nm1", "name": "A", "score": 1, "birth_year": None, "death_year": None, "professions": [],
        "known_for": [], "popularity": 0, "aura": {"colour": "blue"},
        "match": {"kind": "telepathy", "edits": 0, "matched": [], "aura": 3},
    }  # fmt: skip
    answer = {
        "query": "a", "generation": "v9-1", "stale": False, "took_ms": 1, "did_you_mean": None,
        "ambiguous": False, "hits": [hit], "moon": "full",
    }  # fmt: skip
    server.will(reply(json.dumps(answer)))
    assert ask("search", "a").hits[0].match.kind == "telepathy"
    server.will(reply(json.dumps({"jobs": [JOB | {"state": "dreaming", "kind": "nap"}]})))
    (job,) = ask("jobs").jobs
    assert (job.state, job.kind, job.has_ended) == ("dreaming", "nap", False)
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301
    server.will(refuse(409, job=JOB | {"state": "dreaming"}), refuse(409), refuse(409, job={"id": 3}))
    for state in ("dreaming", None, None):
        with pytest.raises(client.ConflictError) as raised:
            ask("request_job")
        assert (raised.value.job and raised.value.job.state) == state


def test_a_match_without_one_of_its_results_is_not_understood(server: Misbehaving, ask: Ask) -> None:
    server.will(reply('{"generation": "v1", "results": {}}'))
    with pytest.raises(client.NotUnderstoodError):
        ask("match_each", ["somebody"])


# Options


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": ""}, {"base_url": "127.0.0.1:8000"}, {"base_url": "ftp://host"}, {"base_url": "http://"},
        {"base_url": "http://host:70000"}, {"base_url": "http://[::1"}, {"token": "a\nb"}, {"token": "ä"},
        {"timeout_s": 0}, {"timeout_s": float("nan")}, {"timeout_s": float("inf")}, {"retries": -1},
        {"max_retry_wait_s": -0.1}, {"max_retry_wait_s": float("nan")},
        {"base_url": f"ftp://somebody:{TOKEN}@host"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_options_that_cannot_be_used_are_told_at_once(kind: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as raised:
        kind(**options)
    assert options.get("token", TOKEN) not in str(raised.value)


def test_a_path_of_the_address_is_kept_and_ids_stay_in_theirs(server: Misbehaving) -> None:
    server.will(refuse(404))
    with Client(server.url + "/marquee/") as asking:
        for nconst in ("nm1/../..", "..", "a?b#c", "ü", "\ud800"):
            with pytest.raises(client.NotFoundError):
                asking.actor(nconst)
    paths = [head.split()[1] for head in server.asked]
    assert all(path.startswith("/marquee/v1/actors/") and path.count("/") == 4 for path in paths), paths
    assert not any("?" in path for path in paths)


def test_texts_of_every_script_are_sent_as_they_are(server: Misbehaving) -> None:
    server.will(refuse(404))
    with Client(server.url) as asking, pytest.raises(client.NotFoundError):
        asking.search("a&b=c+d 李", title=["x y", "z"], explain=True, min_score=0.5, profession="actor")
    assert server.asked[0].split()[1] == (
        "/v1/actors/search?q=a%26b%3Dc%2Bd%20%E6%9D%8E&profession=actor&title=x%20y&title=z&min_score=0.5"
        "&explain=true"
    )
