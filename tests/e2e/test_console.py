"""The console in a real Chromium: a service, a worker and an engine of its own prefix behind it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests.browser import PHONE, POOR_CONTRAST, Watched
from tests.conftest import FAULTS, engine_environ, run_service
from tests.e2e.test_cli import run
from tests.e2e.test_operations import PEOPLE, write_people
from tests.proxy import Proxy
from tests.stubs import fulfil, problem

pytestmark = pytest.mark.browser

TOKEN, READER, LEAVER = "the-ops-token-Qx41", "the-reading-token-Lm77", "the-leaving-token-Rt20"
MARKUP = '<img src=x onerror="document.title=1"><b>Bold</b>'
# Unbroken, so that only breaking inside the word keeps it on a phone's screen.
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 4
VIEWS = ("overview", "jobs", "generations", "quality", "traffic", "audit", "search")
# Set before anything of the page runs.
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener(
  "securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((each) => each.value)))
  .observe({type: "layout-shift"});
"""


class House:
    """A service with a worker and two generations made from a folder that tests may change."""

    def __init__(self, url: str, folder: Path, gate: Path, tokens: Path, proxy: Proxy) -> None:
        self.url, self.folder, self.gate, self.tokens, self.proxy = url, folder, gate, tokens, proxy

    def write_tokens(self, leaver: str | None = "admin") -> None:
        """Write the tokens; `leaver` is the role of one that may be taken back."""
        listed = {"ops": ("admin", TOKEN), "reader": ("read", READER), "leaver": (leaver, LEAVER)}
        lines = [
            f"{name} {role} {hashlib.sha256(token.encode()).hexdigest()}"
            for name, (role, token) in listed.items()
            if role
        ]
        self.tokens.write_text("\n".join(lines) + "\n")

    def tidy(self) -> None:
        """Open the gate, end what runs, and put the folder back."""
        self.gate.unlink(missing_ok=True)
        write_people(self.folder, PEOPLE)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=f"{self.url}/v1/admin", headers=headers) as client:
            while not (job := client.get("/jobs?limit=1").json()["jobs"][0])["ended_at"]:
                client.delete(f"/jobs/{job['id']}")
                time.sleep(0.1)


@pytest.fixture(scope="module")
def own(
    settings: Settings, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("console")
    prefix = f"{settings.index_prefix}-console"
    yield msgspec.structs.replace(settings, index_prefix=prefix, home=home)
    # Not by `cluster`: the browser's driver runs an event loop in this thread already.
    auth = (endpoint.username, endpoint.password) if endpoint.username else None
    with httpx.Client(base_url=endpoint.urls[0], auth=auth, timeout=30) as engine:
        for index in engine.get(f"/{prefix}*", params={"filter_path": "*.aliases"}).json():
            engine.delete(f"/{index}").raise_for_status()


@pytest.fixture(scope="module")
def house(own: Settings, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("house")
    folder, gate, tokens = place / "data", place / "gate", place / "tokens"
    folder.mkdir()
    environ = engine_environ(own, endpoint) | {"MARQUEE_LEASE_TTL_S": "2", "MARQUEE_SCHEDULE": "off"}
    for names in (PEOPLE[:-1], PEOPLE):
        write_people(folder, names)
        (folder / "name.basics.tsv").open("a").write(f"nonsense\t{MARKUP}\n")
        run({**environ, "MARQUEE_GATE_MAX_REJECT_SHARE": "0.1"}, "reindex", "--data", str(folder))
    parts = urlsplit(endpoint.urls[0])
    assert parts.hostname
    assert parts.port
    proxy = Proxy((parts.hostname, parts.port))
    behind = msgspec.structs.replace(endpoint, urls=(f"http://127.0.0.1:{proxy.port}",))
    faults = {
        "PYTHONPATH": str(FAULTS),
        "FAULT_AT": "after warm",
        "FAULT_GATE": str(gate),
        "MARQUEE_GATE_MAX_REJECT_SHARE": "0.1",
    }
    with ExitStack() as stack:
        worker = stack.enter_context(
            subprocess.Popen([sys.executable, "-m", "marquee", "worker"], env={**environ, **faults})
        )
        stack.callback(worker.terminate)
        built = House("", folder, gate, tokens, proxy)
        built.write_tokens()
        # A console asks for more than a person, and several tests share an address.
        built.url = stack.enter_context(run_service(own, behind, {"MARQUEE_TOKENS_FILE": str(tokens)}))
        yield built
        proxy.close()


@contextmanager
def open_page(chromium: Browser, url: str, kind: str = "desktop") -> Iterator[Watched]:
    if kind == "phone":
        context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    else:
        context = chromium.new_context()
    context.set_default_timeout(15_000)
    watched = Watched(context.new_page(), url.rstrip("/"))
    watched.page.add_init_script(NOTE_VIOLATIONS)
    watched.page.goto(watched.origin + "/ops")
    yield watched
    assert watched.page.evaluate("window.violations") == []
    watched.page.unroute_all(behavior="ignoreErrors")
    context.close()
    assert watched.errors == []
    assert watched.foreign == [], "everything the page needs comes from the service itself"


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """Rebuilds take seconds, and more on a machine that is busy."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def door(chromium: Browser, house: House) -> Iterator[Watched]:
    """The console before anybody has signed in; the next test finds the house in order."""
    with open_page(chromium, house.url) as watched:
        yield watched
    house.tidy()


@pytest.fixture
def console(door: Watched) -> Watched:
    """The console with somebody signed in."""
    sign_in(door.page)
    expect(door.page.locator(".verdict")).to_be_visible()
    return door


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def go(page: Page, view: str) -> None:
    page.get_by_role("navigation", name="Views").get_by_role("link", name=view, exact=True).click()
    expect(page.get_by_role("heading", level=2, name=view, exact=True)).to_be_visible()
    expect(page.locator("#view .card").first).to_be_visible()


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True, level=3))


def order(page: Page, *, reason: str = "", force: bool = False, dry_run: bool = False) -> None:
    go(page, "Reindex")
    form = card(page, "Ask for one")
    form.get_by_role("checkbox", name="Force").set_checked(force)
    form.get_by_role("checkbox", name="Dry run").set_checked(dry_run)
    form.get_by_label("Reason", exact=True).fill(reason)
    form.get_by_role("button").click()


def confirm(page: Page, action: str, *says: str, reason: str = "") -> None:
    dialog = page.get_by_role("dialog")
    for each in says:
        expect(dialog).to_contain_text(each)
    if reason:
        dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=action, exact=True).click()


def live_generation(page: Page) -> str:
    go(page, "Overview")
    return card(page, "Live generation").locator(".big a").inner_text()


def ask(page: Page, path: str) -> Any:
    origin = page.url.partition("/ops")[0]
    return page.request.get(origin + path, headers={"Authorization": f"Bearer {TOKEN}"}).json()


def refresh(page: Page) -> None:
    """Have the page look again now, which it does by itself every five seconds."""
    page.evaluate("document.dispatchEvent(new Event('changed'))")


def change(page: Page, path: str, **fields: Any) -> None:
    """Change fields of what the service answers."""

    def handle(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **fields})

    page.route(f"**{path}", handle)


# The door


def test_nothing_is_requested_before_sign_in(chromium: Browser, house: House) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.clock.install()
    page.goto(house.url + "/ops#jobs/some")
    expect(page.get_by_label("Admin token")).to_be_focused()
    page.clock.fast_forward("02:00")
    page.wait_for_timeout(300)
    assert not [each for each in asked if each != "/ops" and not each.startswith("/static/")]
    expect(page.locator("#views")).to_be_hidden()
    # No inline script or style, so that a content security policy can forbid them.
    markup = page.request.get(house.url + "/ops").text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)
    context.close()


def test_a_wrong_token_is_said_and_another_one_can_be_tried(door: Watched) -> None:
    page = door.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    sign_in(page, "two words")
    expect(page.get_by_role("alert")).to_contain_text("without blanks")
    assert [each for each in asked if "/v1" in each] == [], "what is no token is not worth a guess"
    sign_in(page, "nonsense")
    expect(page.get_by_role("alert")).to_contain_text("This token is not known", ignore_case=True)
    assert [each for each in asked if "/v1" in each] == ["/v1/admin/cache"]
    assert door.list_violations() == []
    sign_in(page)
    expect(page.locator(".verdict")).to_be_visible()


def test_a_token_of_another_role_is_told_which_it_takes(door: Watched) -> None:
    sign_in(door.page, READER)
    told = door.page.get_by_role("alert").filter(has_text="role")
    expect(told).to_contain_text("this takes a token of the role admin; reader has the role read")
    expect(door.page.locator("#views")).to_be_hidden()


def test_a_service_without_tokens_says_how_to_get_one(
    chromium: Browser, own: Settings, endpoint: Endpoint
) -> None:
    with run_service(own, endpoint) as url, open_page(chromium, url) as watched:
        sign_in(watched.page)
        expect(watched.page.get_by_role("alert").first).to_contain_text("MARQUEE_ADMIN_TOKEN")


def test_who_signs_in_while_the_service_is_away_is_told(door: Watched) -> None:
    door.page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    sign_in(door.page)
    expect(door.page.get_by_role("alert").first).to_contain_text("The service cannot be reached")
    door.page.unroute_all()
    sign_in(door.page)
    expect(door.page.locator(".verdict")).to_be_visible()


def test_the_token_stays_in_memory(door: Watched) -> None:
    page = door.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.post_data or "")))
    sign_in(page)
    for view in ("Reindex", "Traffic", "Overview"):
        go(page, view)
    kept = page.evaluate(
        "async () => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href,"
        " history.state, await indexedDB.databases(), await caches.keys(),"
        " document.documentElement.outerHTML,"
        " [...document.querySelectorAll('input')].map((each) => each.value)])"
    )
    assert TOKEN not in kept
    assert not [each for each in asked if TOKEN in each]
    page.reload()
    expect(page.get_by_label("Admin token")).to_have_value("")


def test_who_signs_out_leaves_nothing_behind(chromium: Browser, house: House) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(house.url + "/ops")
    sign_in(page)
    expect(page.locator(".verdict")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert").first).to_have_text("You are signed out.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward("02:00")
    page.wait_for_timeout(300)
    assert asked == []
    expect(page.locator("#view")).to_be_empty()
    context.close()


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (None, "this token is not known"),
        ("read", "this token may not administer: this takes a token of the role"),
    ],
)
def test_a_token_that_is_taken_back_leads_to_the_door(
    door: Watched, house: House, role: str | None, told: str
) -> None:
    page = door.page
    sign_in(page, LEAVER)
    expect(page.locator(".verdict")).to_be_visible()
    house.write_tokens(role)
    refresh(page)
    expect(page.get_by_role("alert").first).to_contain_text(f"You were signed out: {told}")
    expect(page.locator("#view")).to_be_empty()
    house.write_tokens()


# Reindexes


def test_a_reindex_is_watched_to_its_swap_and_rolled_back(console: Watched, house: House) -> None:
    page = console.page
    before = live_generation(page)
    house.gate.touch()
    write_people(house.folder, [*PEOPLE, "Somebody New"])
    order(page, reason="somebody is new")
    confirm(page, "Run it", before, "kept to go back to", "somebody is new")
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    assert urlsplit(page.url).fragment.startswith("jobs/k")
    # Seen while the rebuild waits before its swap.
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Check")
    expect(page.locator(".figures")).to_contain_text("canaries")
    expect(page.locator("#announcement")).to_have_text(re.compile(r"^[\w ]+, \d+ %$"))
    assert 50 < int(bar.get_attribute("aria-valuenow") or 0) < 100
    go(page, "Overview")
    expect(page.locator(".verdict")).to_contain_text("A reindex is under way")
    expect(card(page, "Running now").get_by_role("progressbar")).to_be_visible()
    assert console.list_violations() == []

    house.gate.unlink()
    expect(page.locator("#announcement")).to_contain_text("succeeded: v1-")
    expect(card(page, "Running now")).to_contain_text("No reindex is under way")
    expect(card(page, "Live generation").locator(".big a")).not_to_have_text(before)
    after = live_generation(page)
    expect(card(page, "Live generation")).to_contain_text("101 actors")

    page.get_by_role("button", name=f"Roll back to {before}").click()
    says = (before, "goes live", after, "no longer searched", "Nothing is deleted")
    confirm(page, "Roll back", *says, reason="looks odd")
    expect(card(page, "Live generation").locator(".big a")).to_have_text(before)
    go(page, "Generations")
    expect(page.get_by_role("row", name=re.compile(after))).to_contain_text("rolled back")
    go(page, "Audit")
    newest = page.get_by_role("row").nth(1)
    for each in ("rollback", "ops", before, "looks odd", "done"):
        expect(newest).to_contain_text(each)


def test_a_reindex_is_cancelled(console: Watched, house: House) -> None:
    page = console.page
    before = live_generation(page)
    house.gate.touch()
    order(page, force=True, reason="to be cancelled")
    confirm(page, "Force it", "passes the gate's limits", "Damaged files are refused")
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Check")
    page.get_by_role("button", name="Cancel this job").click()
    confirm(page, "Cancel the job", "what it has built is deleted", "What is live stays live")
    expect(page.locator("#announcement")).to_contain_text("cancelled by ops")
    house.gate.unlink(missing_ok=True)
    expect(card(page, "Reindex of the live source, forced")).to_contain_text("cancelled by ops")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    assert live_generation(page) == before


def test_a_second_reindex_is_told_of_the_first(console: Watched, house: House) -> None:
    page = console.page
    house.gate.touch()
    order(page, force=True, reason="the first")
    confirm(page, "Force it")
    expect(page.get_by_role("progressbar")).to_be_visible()
    order(page, force=True, reason="the second")
    confirm(page, "Force it")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("Another job is under way")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    card(page, "Under way").get_by_role("button", name="Cancel this job").click()
    confirm(page, "Cancel the job")
    house.gate.unlink()
    expect(card(page, "Under way")).to_contain_text("No reindex is under way")


def test_what_is_on_its_way_cannot_be_left_as_it_is(console: Watched, house: House) -> None:
    page = console.page
    held: list[Route] = []
    page.route(
        "**/v1/admin/jobs",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    order(page, force=True, reason="to see")
    confirm(page, "Force it")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Leave it as it is")).to_be_disabled()
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    fulfil(problem("No", "not now", 409), 409)(held[0])
    expect(dialog.get_by_role("alert")).to_contain_text("not now")
    expect(dialog.get_by_role("button", name="Leave it as it is")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.unroute_all()


def test_a_dry_run_is_a_page_and_changes_nothing(console: Watched, house: House) -> None:
    page = console.page
    before = ask(page, "/v1/admin/generations")
    write_people(house.folder, [*PEOPLE[1:], MARKUP, "Somebody New"], year="1981")
    order(page, dry_run=True)
    what = card(page, "What would change")
    expect(what).to_contain_text("Nothing was indexed")
    expect(what.locator(".kind").first.locator(".tile")).to_have_text(
        [re.compile("added1"), re.compile("removed0"), re.compile("changed100"), re.compile("unchanged0")]
    )
    expect(what.get_by_role("table", name="Most popular actors that would be added")).to_contain_text(
        "Somebody"
    )
    changed = what.get_by_role("table", name="Most popular actors that would change")
    expect(changed.get_by_role("row").nth(1)).to_contain_text("1980 → 1981")
    assert page.locator("main img, main td b").count() == 0, "names are text"
    assert ask(page, "/v1/admin/generations") == before
    shoot(console, "dry-run")
    page.get_by_role("button", name="Run it").click()
    expect(page.get_by_role("dialog")).to_contain_text("A worker builds a new generation")
    page.keyboard.press("Escape")


def test_what_the_gate_refuses_is_shown_and_can_be_forced_with_a_reason(
    console: Watched, house: House
) -> None:
    page = console.page
    before = live_generation(page)
    write_people(house.folder, PEOPLE[:50])
    order(page, reason="half of them")
    confirm(page, "Run it")
    expect(page.locator("#announcement")).to_contain_text("refused: the new generation is not good enough")
    drop = card(page, "Gate").get_by_role("row", name=re.compile("^drop of actors"))
    for each in ("failed", "50 %", "5 %", "50 actors where 100 are live"):
        expect(drop).to_contain_text(each)
    shoot(console, "refused")
    assert console.list_violations() == []
    go(page, "Overview")
    expect(page.locator(".verdict")).to_contain_text("a reindex was refused")
    page.get_by_role("link", name="Look at that job").click()
    page.get_by_role("button", name=re.compile("^Make v1-.* live")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The gate refused it: ")
    expect(dialog).to_contain_text("50 actors where 100 are live")
    dialog.get_by_label("Reason").fill("   ")
    confirm(page, "Make it live")
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    confirm(page, "Make it live", reason="half of them left")
    expect(dialog).to_have_count(0)
    assert live_generation(page) != before
    go(page, "Audit")
    expect(page.get_by_role("row").filter(has_text="forced gate").first).to_contain_text("half of them left")
    go(page, "Generations")
    page.get_by_role("button", name=f"Make {before} live").click()
    confirm(page, "Roll back")
    assert live_generation(page) == before


def test_events_that_break_off_go_on_from_the_state(console: Watched, house: House) -> None:
    page = console.page
    house.gate.touch()
    broken: list[str] = []

    def break_off(route: Route) -> None:
        broken.append(route.request.url)
        if len(broken) == 1:
            route.fulfill(content_type="text/event-stream", body=": nothing\n\n")
        else:
            route.abort("connectionreset")

    page.route("**/events", break_off)
    order(page, force=True, reason="watched badly")
    confirm(page, "Force it")
    expect(page.locator("[data-progress]")).to_contain_text("The events ended before the job did")
    expect(page.locator("[data-progress]")).to_contain_text("cannot be reached")
    page.unroute_all()
    expect(page.locator(".steps [aria-current=step]")).to_have_text("Check")
    expect(page.locator("[data-progress]")).not_to_contain_text("cannot be reached")
    house.gate.unlink()
    expect(page.locator("#announcement")).to_contain_text("succeeded")


# What is live


def test_a_generation_is_pinned_and_let_go(console: Watched) -> None:
    page = console.page
    live = live_generation(page)
    page.get_by_role("button", name="Pin it").click()
    confirm(page, "Pin it", live, "no reindex makes another generation live", reason="a demonstration")
    expect(card(page, "Live generation")).to_contain_text("pinned")
    expect(page.locator(".verdict")).to_contain_text(f"{live} is pinned")
    go(page, "Reindex")
    card(page, "Ask for one").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"It does not go live: {live} is pinned")
    page.keyboard.press("Escape")
    go(page, "Generations")
    page.get_by_role("button", name=f"Unpin {live}").click()
    confirm(page, "Take it off", "was pinned by ops", "a demonstration")
    expect(page.get_by_role("button", name=f"Pin {live}")).to_be_visible()
    go(page, "Audit")
    expect(page.get_by_role("row").nth(1)).to_contain_text("unpin")
    expect(page.get_by_role("row").nth(2)).to_contain_text("a demonstration")


def test_the_cache_is_looked_at_and_cleared(console: Watched) -> None:
    page = console.page
    for _ in range(2):
        page.request.get(console.origin + "/v1/actors/suggest?q=pers")
    go(page, "Traffic")
    cache = card(page, "Cache")
    expect(cache.get_by_role("row", name=re.compile("^suggest"))).to_contain_text("memory")
    expect(cache).not_to_contain_text("0 answers, 0 bytes")
    page.get_by_role("button", name="Clear the cache").click()
    confirm(page, "Clear it", "Every process forgets its answers", "No data are lost")
    expect(cache).to_contain_text("0 answers, 0 bytes")
    go(page, "Audit")
    expect(page.get_by_role("row").nth(1)).to_contain_text("cache clear")


def test_latency_is_sampled_while_the_page_is_open(console: Watched) -> None:
    page = console.page
    go(page, "Traffic")
    for number in range(20):
        page.request.get(f"{console.origin}/v1/actors/search?q=person+a{number % 7}")
    row = card(page, "Endpoints").get_by_role("row", name="/v1/actors/search")
    expect(row).to_contain_text(re.compile(r"[\d.]+ ms.*[\d.]+ ms.*[\d.]+ ms"))
    told = re.compile(r"p50 [\d.]+ ms, p95 [\d.]+ ms, p99 [\d.]+ ms")
    expect(card(page, "Latency").get_by_role("img")).to_have_attribute("aria-label", told)
    expect(card(page, "Latency").locator("path.series").first).to_have_attribute("d", re.compile("^M"))


def test_metrics_that_a_proxy_keeps_to_itself_are_said(door: Watched) -> None:
    page = door.page
    page.route("**/metrics", lambda route: route.fulfill(status=403, body="no"))
    sign_in(page)
    go(page, "Traffic")
    refresh(page)
    expect(card(page, "Latency")).to_contain_text("No figures at the moment")
    expect(card(page, "Latency")).to_contain_text("HTTP 403")
    expect(card(page, "Cache")).to_contain_text("64 MiB")


def test_quantiles_are_estimated_within_their_bucket(door: Watched) -> None:
    found = door.page.evaluate("""async () => {
        const {between, quantile, readRoutes, sum} = await import("/static/ops/metrics.js");
        const bucket = (le, number, route = "/v1/actors/search") =>
          `marquee_request_seconds_bucket{le="${le}",method="GET",route="${route}",status="2xx"} ${number}`;
        const total = (number, route, status) =>
          `marquee_request_seconds_count{method="GET",route="${route}",status="${status}"} ${number}`;
        const page = (factor) => [
          "# HELP marquee_request_seconds What requests took.",
          ...[["0.01", 50], ["0.1", 90], ["+Inf", 100]].map(([le, number]) => bucket(le, number * factor)),
          total(100 * factor, "/v1/actors/search", "2xx"), total(3, "/v1/actors/suggest", "5xx"),
          bucket("+Inf", 7, "/v1/admin/jobs"), bucket("+Inf", 9, "/v1/status"),
        ].join("\\n");
        const [one, two] = [page(1), page(3)].map((text) => sum(readRoutes(text).values()));
        const came = between(one, two);
        return [came.count, one.errors, [...readRoutes(page(1)).keys()],
          ...[.25, .5, .7, .95].map((share) => quantile(came, share)),
          quantile({buckets: [], count: 0}, .5), between(two, one)];
    }""")
    assert found == [
        200, 3, ["/v1/actors/search", "/v1/actors/suggest"], 5, 10, pytest.approx(55), 100, None, None,
    ]  # fmt: skip


def test_the_quality_report_shows_rejected_rows_as_text(console: Watched) -> None:
    page = console.page
    go(page, "Quality")
    if not card(page, "Rejected rows").get_by_role("listitem").count():
        page.get_by_role("navigation", name="Reports of other generations").get_by_role("link").last.click()
    rejects = card(page, "Rejected rows")
    expect(rejects).to_contain_text("name.basics.tsv wrong field count: 1 row")
    expect(rejects.locator("pre")).to_have_text(f"nonsense ⇥ {MARKUP}")
    assert page.locator("main img, main pre b").count() == 0
    expect(card(page, "Rows").get_by_role("row", name=re.compile("name.basics"))).to_contain_text("1 (")


def test_a_search_says_why(console: Watched) -> None:
    page = console.page
    go(page, "Search")
    page.get_by_label("Name", exact=True).fill("persn ak")
    page.keyboard.press("Enter")
    first = page.locator(".hit").first
    expect(first.get_by_role("heading")).to_contain_text("Person ak")
    expect(first).to_contain_text("“persn” is 1 letter from “person”")
    expect(first.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"the name 0\.\d+"))
    expect(card(page, "What was answered")).to_contain_text(re.compile(r"engine [\d.]+ ms"))
    page.get_by_label("Name", exact=True).fill("!!!")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Nothing to search for")).to_be_visible()
    answer = ask(page, "/v1/actors/search?q=person+ak&limit=1&explain=true")
    answer["hits"][0]["name"] = MARKUP
    page.route("**/v1/actors/search?*", fulfil({**answer, "did_you_mean": MARKUP}))
    page.get_by_role("button", name="Search").click()
    expect(first.get_by_role("heading")).to_contain_text(MARKUP)
    assert page.locator("main img, main b").count() == 0


# Trouble


def test_a_service_that_goes_away_is_said_and_comes_back(console: Watched) -> None:
    page = console.page
    page.context.set_offline(True)
    refresh(page)
    bar = page.locator("#away")
    expect(bar).to_contain_text("The service cannot be reached. What you see is as of")
    expect(page.locator(".verdict")).to_be_visible()
    assert console.list_violations() == []
    shoot(console, "away")
    page.context.set_offline(False)
    expect(bar).to_be_hidden()
    expect(page.locator("#announcement")).to_have_text("The service is back.")


def test_an_answer_of_somebody_between_is_said(console: Watched) -> None:
    page = console.page
    page.route("**/v1/**", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad"))
    refresh(page)
    expect(page.locator("#away")).to_contain_text("not one of this service (HTTP 502)")
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#away")).to_be_hidden()


def test_an_engine_that_goes_away_is_what_the_page_says_first(console: Watched, house: House) -> None:
    page = console.page
    live = live_generation(page)
    house.proxy.take_away()
    refresh(page)
    try:
        expect(page.locator(".verdict")).to_contain_text("Elasticsearch cannot be reached")
        expect(card(page, "Engine")).to_contain_text("unreachable")
        expect(card(page, "Live generation")).to_contain_text("Not known at the moment")
        page.get_by_role("link", name="Generations", exact=True).click()
        expect(page.locator("#away")).to_contain_text("The search engine is away")
    finally:
        house.proxy.is_up = True
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("table")).to_contain_text(live)


def test_what_is_not_there_is_said(console: Watched) -> None:
    page = console.page
    for view, told in (
        ("jobs/none", "there is no job none"),
        ("jobs/%zz", "no job"),
        ("generations/x", "there is no"),
    ):
        page.evaluate(f"location.hash = '#{view}'")
        expect(page.locator("#view .notice")).to_contain_text(told)
    page.evaluate("location.hash = '#nonsense/%3Cb%3E'")
    expect(page.locator(".verdict")).to_be_visible()


def test_old_data_and_huge_numbers_are_shown(console: Watched) -> None:
    page = console.page
    source = {"kind": "imdb", "published_at": "2026-01-01T00:00:00Z", "confirmed_at": "2026-01-01T06:00:00Z"}
    change(page, "/v1/status", data_age_s=31 * 3600, fresh=False, source=source)
    trouble = {
        "kind": "stale",
        "is_bad": True,
        "title": "data are old",
        "detail": MARKUP,
        "advice": "run `it`",
    }
    change(page, "/v1/admin/conditions", conditions=[trouble])
    change(page, "/v1/admin/cache", entries=10**15, hits=10**15, misses=10**12, hit_rate=0.999)
    refresh(page)
    expect(card(page, "Data age").get_by_role("img")).to_have_attribute(
        "aria-label", "Data age 1 d 7 h of at most 24 h"
    )
    expect(page.locator(".verdict")).to_contain_text(MARKUP)
    expect(page.locator(".verdict code")).to_have_text("it")
    expect(card(page, "Cache")).to_contain_text("1,000,000,000,000,000 answers")
    assert page.evaluate(POOR_CONTRAST) == []
    assert console.list_violations() == []
    shoot(console, "stale")


def test_a_house_without_anything_says_so(chromium: Browser, own: Settings, endpoint: Endpoint) -> None:
    bare = msgspec.structs.replace(own, index_prefix=f"{own.index_prefix}-bare"[:41])
    with (
        run_service(bare, endpoint, {"MARQUEE_ADMIN_TOKEN": TOKEN}) as url,
        open_page(chromium, url) as watched,
    ):
        page = watched.page
        sign_in(page)
        expect(page.locator(".verdict")).to_contain_text("no worker is alive")
        expect(page.locator(".verdict")).to_contain_text("nothing is live")
        expect(card(page, "Live generation")).to_contain_text("No generation is live yet")
        told = {
            "Reindex": "No reindex was asked for yet",
            "Generations": "There is no generation yet",
            "Quality": "there is no report",
            "Traffic": "Nothing was asked yet",
            "Audit": "Nothing was done yet",
        }
        for view, words in told.items():
            go(page, view)
            expect(page.locator("#view")).to_contain_text(words)
            assert watched.list_violations() == []


# Looks


def test_the_keyboard_is_enough(console: Watched) -> None:
    page = console.page
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_be_focused()
    page.get_by_role("link", name="Generations", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="Generations")).to_be_focused()
    button = page.get_by_role("button", name=re.compile("^Pin v1-")).first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_a_refresh_moves_nothing(console: Watched) -> None:
    page = console.page
    go(page, "Generations")
    page.get_by_role("button", name=re.compile("^Pin v1-")).first.focus()
    page.evaluate(NOTE_SHIFTS)
    for _ in range(3):
        with page.expect_response("**/v1/admin/generations"):
            refresh(page)
    page.wait_for_timeout(300)
    expect(page.get_by_role("button", name=re.compile("^Pin v1-")).first).to_be_focused()
    assert page.evaluate("window.shifts") == []


@pytest.mark.parametrize("kind", ["desktop", "phone"])
def test_every_view_is_finished(chromium: Browser, house: House, kind: str) -> None:
    with open_page(chromium, house.url, kind) as watched:
        page = watched.page
        check_looks(watched, kind, "door")
        sign_in(page)
        job = ask(page, "/v1/admin/jobs?limit=1")["jobs"][0]["id"]
        generation = ask(page, "/v1/status")["generation"]
        for view in (*VIEWS, f"jobs/{job}", f"generations/{generation}"):
            page.evaluate(f"location.hash = '#{view}'")
            expect(page.locator("#view .card").first).to_be_visible()
            if view == "search":
                page.get_by_label("Name", exact=True).fill("persn ak")
                page.keyboard.press("Enter")
                expect(page.locator(".hit").first).to_be_visible()
            check_looks(watched, kind, view.replace(job, "one").replace(generation, "one"))


def check_looks(watched: Watched, kind: str, view: str) -> None:
    """Check what is shown for everybody who looks at it, in the light and in the dark."""
    page = watched.page
    assert watched.list_violations() == [], view
    width = PHONE["width"] if kind == "phone" else 1280
    assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4", "all => all.filter(e => e.checkVisibility()).map(e => Number(e.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), view
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        if scheme == "dark":  # the light one was axe-core's to judge
            assert page.evaluate(POOR_CONTRAST) == [], view
        shoot(watched, f"{kind}-{scheme}-{view.replace('/', '-')}")


def shoot(watched: Watched, name: str) -> None:
    """Write a picture of the page where MARQUEE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("MARQUEE_SCREENSHOTS"):
        path = Path(folder) / f"console-{name}.png"
        watched.page.screenshot(path=path, full_page=True)
