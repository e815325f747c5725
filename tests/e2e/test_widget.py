"""The autocomplete element on somebody else's page, in a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Route, expect

from marquee.engine.cluster import Endpoint
from marquee.settings import Settings
from tests.browser import NOTE_SHIFTS, PHONE, POOR_CONTRAST, Watched
from tests.conftest import run_service
from tests.shop import Shop, run_shop
from tests.stubs import MARKUP, fulfil, problem, release, suggestions

ROOT = Path(__file__).parents[2]
HOST = "https://marquee.example"

pytestmark = pytest.mark.browser

FORM = (
    '<form action="/"><marquee-autocomplete name="actor" label="Actor"></marquee-autocomplete>'
    "<button>Save</button></form>"
)
SUGGEST = "**/v1/actors/suggest?*"
# What the element tells its page, in order.
LISTEN = """() => {
  window.told = [];
  const element = document.querySelector("marquee-autocomplete");
  for (const type of ["select", "clear", "error", "change"]) {
    element.addEventListener(type, ({ detail }) => told.push([type, detail?.kind ?? detail?.name ?? null]));
  }
}"""
# A page that reserves no room sees it arrive, as a picture; what counts is what comes after.
ARRIVE = """customElements.whenDefined("marquee-autocomplete")
  .then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  .then(() => { window.arrived = performance.now(); })"""
SHIFT = "shifts.filter(({ startTime }) => startTime > arrived).reduce((sum, { value }) => sum + value, 0)"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with run_shop() as shop:
        yield shop


@pytest.fixture(scope="module")
def marquee(settings: Settings, endpoint: Endpoint, sample: str, shop: Shop) -> Iterator[str]:
    """A service whose answers the shop's pages may read; its address."""
    with run_service(settings, endpoint, {"MARQUEE_CORS_ORIGINS": shop.origin}) as url:
        yield url


@pytest.fixture(scope="module")
def downshift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with React, Downshift and a bundler, as npm installs them."""
    if not shutil.which("npm"):
        lack = "no npm: install Debian's `npm`, which brings React and Downshift for the recipe"
        if os.environ.get("CI") == "true":
            pytest.fail(lack)
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("downshift")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "downshift" / name, folder)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder


def read_recipe(chapter: str, language: str) -> list[str]:
    """The blocks of a language in a chapter of docs/widget.md."""
    text = (ROOT / "docs" / "widget.md").read_text().split(f"## {chapter}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


class Customer(Watched):
    """A page of the shop, with the element."""

    def __init__(self, page: Page, shop: Shop, marquee: str) -> None:
        super().__init__(page, shop.origin)
        self.shop = shop
        self.marquee = marquee
        self.script = f'<script type="module" src="{marquee}/widget.js"></script>'
        self.asked: list[str] = []
        """Which suggestions were asked for, address by address."""
        page.on("request", lambda request: self._note(request.url))
        page.add_init_script(NOTE_SHIFTS)

    def _note(self, url: str) -> None:
        if "/suggest?" in url:
            self.asked.append(url)

    def visit(self, body: str = FORM, **headers: str) -> Page:
        self.page.goto(self.shop.write_page(body, self.script, **headers))
        self.page.evaluate(ARRIVE)
        self.page.evaluate(LISTEN)
        return self.page

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("combobox")

    @property
    def options(self) -> Locator:
        return self.page.get_by_role("option")

    @property
    def message(self) -> Locator:
        return self.page.locator("marquee-autocomplete .message")

    @property
    def told(self) -> list[list[str | None]]:
        heard: list[list[str | None]] = self.page.evaluate("told")
        return heard

    def sent(self) -> dict[str, str]:
        """What the form would submit."""
        sent: dict[str, str] = self.page.evaluate("Object.fromEntries(new FormData(document.forms[0]))")
        return sent

    def answer(self, *names: str, **changes: Any) -> None:
        """From now on the service suggests these."""
        self.page.route(SUGGEST, fulfil(suggestions(*names, **changes)))


@pytest.fixture(params=["desktop"])
def customer(
    request: pytest.FixtureRequest, chromium: Browser, shop: Shop, marquee: str
) -> Iterator[Customer]:
    looks: dict[str, Any] = {
        "desktop": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
        "forced": {"forced_colors": "active"},
        "still": {"reduced_motion": "reduce"},
    }
    context = chromium.new_context(**looks[request.param])
    context.set_default_timeout(10_000)
    customer = Customer(context.new_page(), shop, marquee)
    yield customer
    shift = customer.page.evaluate(SHIFT) if customer.page.evaluate("'arrived' in window") else 0
    context.close()
    assert customer.errors == []
    assert shift == 0, "the list lies over the page and moves nothing"


# --- With the real service ----------------------------------------------------------------------------------


def test_a_page_of_another_origin_gets_the_nconst_of_who_was_meant(customer: Customer) -> None:
    page = customer.visit(
        # Nothing but the script and the answers is let in, and no text becomes markup.
        Content_Security_Policy=f"default-src 'none'; script-src {customer.marquee}; connect-src "
        f"{customer.marquee}; form-action 'self'; require-trusted-types-for 'script'"
    )
    customer.box.press_sequentially("jake gil", delay=40)
    expect(customer.options.first).to_contain_text("Jake Gyllenhaal")
    expect(customer.options.first.locator("mark")).to_have_text(["Jake", "Gyl"])
    expect(customer.options.first).to_contain_text("The Covenant (2023)")
    customer.picture("widget-list")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(customer.box).to_have_value("Jake Gyllenhaal")
    assert customer.told == [["select", "Jake Gyllenhaal"], ["change", None]]
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/?actor=*")
    (nconst,) = parse_qs(urlsplit(page.url).query)["actor"]
    person = page.request.get(f"{customer.marquee}/v1/actors/{nconst}").json()["actor"]
    assert person["name"] == "Jake Gyllenhaal"


def test_a_page_that_may_not_ask_keeps_a_plain_field(customer: Customer) -> None:
    customer.page.goto(customer.shop.write_page(FORM, customer.script).replace("127.0.0.1", "localhost"))
    customer.page.evaluate(LISTEN)
    customer.box.fill("jake")
    expect(customer.message).to_contain_text("No suggestions for the moment")
    assert customer.told == [["error", "unreachable"]]
    assert "blocked by CORS policy" in customer.errors.pop(), "the console says why"


def find_brad_pitt(customer: Customer) -> str:
    found = customer.page.request.get(f"{customer.marquee}/v1/actors/suggest?q=brad+pitt").json()
    nconst: str = found["suggestions"][0]["nconst"]
    return nconst


def test_a_value_is_shown_by_name(customer: Customer) -> None:
    nconst = find_brad_pitt(customer)
    page = customer.visit(FORM.replace("label=", f'value="{nconst}" label='))
    expect(customer.box).to_have_value("Brad Pitt")
    assert customer.sent() == {"actor": nconst}
    page.evaluate("document.querySelector('marquee-autocomplete').value = 'nm0000000'")
    expect(customer.box).to_have_value("nm0000000")
    page.wait_for_function("told.length")
    assert customer.told == [["error", "not-found"]]


def test_a_value_is_shown_by_name_though_nobody_may_change_it(customer: Customer) -> None:
    nconst = find_brad_pitt(customer)
    customer.visit(FORM.replace("label=", f'disabled value="{nconst}" label='))
    expect(customer.box).to_have_value("Brad Pitt")
    expect(customer.box).to_be_disabled()


def test_a_name_that_comes_late_overwrites_nothing(customer: Customer) -> None:
    held: list[Route] = []
    customer.page.route("**/v1/actors/nm*", lambda route: held.append(route))
    page = customer.visit(FORM.replace("label=", 'debounce="600000" value="nm90006984" label='))
    page.wait_for_function("document.querySelector('marquee-autocomplete').text === 'nm90006984'")
    customer.box.fill("jake")
    for each in held:
        with suppress(Error):  # it was given up
            each.continue_()
    assert held
    page.wait_for_timeout(300)
    expect(customer.box).to_have_value("jake")
    assert customer.sent() == {"actor": ""}


def test_typing_fast_asks_once_and_for_the_last_of_it(customer: Customer) -> None:
    clock = customer.visit().clock
    clock.install(time=0)  # a busy machine takes longer from letter to letter than a fast typist
    clock.pause_at(1000)
    for letter in "scarlet johanson":
        customer.box.press_sequentially(letter)
        clock.run_for(70)
    assert customer.asked == []
    clock.run_for(10)
    expect(customer.options.first).to_contain_text("Scarlett Johansson")
    assert [url.partition("?")[2] for url in customer.asked] == ["q=scarlet+johanson"]


# --- Keyboard -----------------------------------------------------------------------------------------------


def test_every_key_of_the_pattern(customer: Customer) -> None:
    customer.answer("Ann A", "Ann B", "Ann C")
    page = customer.visit()
    box, options, press = customer.box, customer.options, page.keyboard.press

    def expect_active(index: int | None) -> None:
        if index is None:
            assert box.get_attribute("aria-activedescendant") is None
            expect(page.locator("[aria-selected=true]")).to_have_count(0)
        else:
            expect(options.nth(index)).to_have_attribute("aria-selected", "true")
            assert box.get_attribute("aria-activedescendant") == options.nth(index).get_attribute("id")

    def expect_open(is_open: bool) -> None:
        expect(box).to_have_attribute("aria-expanded", str(is_open).lower())
        expect(options).to_have_count(3 if is_open else 0)

    box.press_sequentially("ann")
    expect_open(True)
    expect_active(None)
    for key, index in [("ArrowUp", 2), ("ArrowDown", 0), ("ArrowDown", 1), ("End", None), ("ArrowDown", 0),
                       ("Home", None), ("ArrowDown", 0), ("ArrowLeft", None)]:  # fmt: skip
        press(key)
        expect_active(index)
    press("Alt+ArrowUp")
    expect_open(False)
    press("Alt+ArrowDown")
    expect_open(True)
    expect_active(None)
    press("Escape")
    expect_open(False)
    expect(box).to_have_value("ann")
    press("ArrowDown")
    expect_active(0)
    press("Tab")  # whoever has gone to somebody and goes on means them
    expect(box).to_have_value("Ann A")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    expect_open(False)
    press("Shift+Tab")
    expect(box).to_be_focused()
    press("Escape")
    expect(box).to_have_value("")
    assert customer.told == [["select", "Ann A"], ["change", None], ["clear", "Ann A"], ["change", None]]


def test_enter_submits_the_form_as_in_any_field(customer: Customer) -> None:
    customer.answer("Ann")
    page = customer.visit(FORM.replace("label=", 'text-name="typed" label='))
    customer.box.fill("ann")
    expect(customer.options).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?actor=&typed=ann")
    page = customer.visit(FORM.replace("<button>", "<button disabled>"))
    customer.box.fill("ann")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert urlsplit(page.url).query == "", "a form whose button is disabled is not submitted"
    page = customer.visit(FORM.replace("<button>Save</button>", ""))
    customer.box.fill("ann")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?actor=")


def test_escape_closes_the_list_before_the_dialog_around_it(customer: Customer) -> None:
    customer.answer("Ann")
    page = customer.visit(f"<dialog>{FORM}</dialog>")
    page.evaluate("document.querySelector('dialog').showModal()")
    customer.box.fill("ann")
    expect(customer.options).to_have_count(1)
    for is_open in (True, True, False):  # the list, the text, the dialog
        page.keyboard.press("Escape")
        assert page.evaluate("document.querySelector('dialog').open") is is_open


def test_an_input_method_keeps_its_keys(customer: Customer) -> None:
    customer.answer("ジェイク", "ジョン")
    page = customer.visit()
    customer.box.focus()
    method = page.context.new_cdp_session(page)
    method.send("Input.imeSetComposition", {"text": "じぇ", "selectionStart": 2, "selectionEnd": 2})
    # Suggestions come meanwhile: keyboards on screens compose every word.
    expect(customer.options).to_have_count(2)
    for key in ("ArrowDown", "Enter", "Escape"):
        for event in ("rawKeyDown", "keyUp"):
            pressed = {"type": event, "key": key, "windowsVirtualKeyCode": 229}
            method.send("Input.dispatchKeyEvent", pressed)
    expect(customer.options).to_have_count(2)
    expect(page.locator("[aria-selected=true]")).to_have_count(0)
    assert customer.told == []
    method.send("Input.insertText", {"text": "ジェ"})
    expect(customer.box).to_have_value("ジェ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(customer.box).to_have_value("ジェイク")


# --- In a form ----------------------------------------------------------------------------------------------


def _choose(customer: Customer, name: str = "Ann") -> None:
    customer.answer(name)
    customer.box.fill(name[:2])
    customer.options.first.click()
    expect(customer.box).to_have_value(name)


def test_editing_takes_the_choice_back(customer: Customer) -> None:
    page = customer.visit()
    _choose(customer)
    assert customer.sent() == {"actor": "nm0000001"}
    assert page.evaluate("document.querySelector('marquee-autocomplete').value") == "nm0000001"
    customer.box.press_sequentially("e")
    assert customer.sent() == {"actor": ""}
    assert customer.told[2:] == [["clear", "Ann"], ["change", None]]
    customer.options.first.click()
    page.get_by_role("button", name="Clear").click()
    expect(customer.box).to_have_value("")
    expect(customer.box).to_be_focused()
    assert customer.sent() == {"actor": ""}


def test_a_reset_goes_back_to_the_beginning(customer: Customer) -> None:
    page = customer.visit(FORM.replace("label=", 'value="nm7" text="Zoe" label='))
    assert customer.sent() == {"actor": "nm7"}
    _choose(customer)
    page.evaluate("document.forms[0].reset()")
    expect(customer.box).to_have_value("Zoe")
    assert customer.sent() == {"actor": "nm7"}
    page.evaluate("document.querySelector('marquee-autocomplete').setAttribute('text', 'Zoë')")
    expect(customer.box).to_have_value("Zoë")


def test_going_back_restores_what_was_chosen(customer: Customer) -> None:
    page = customer.visit()
    _choose(customer)
    page.goto(customer.shop.write("/other", "<!doctype html><title>Other</title>"))
    page.go_back()
    expect(customer.box).to_have_value("Ann")
    assert customer.sent() == {"actor": "nm0000001"}


def test_required_wants_somebody_chosen(customer: Customer) -> None:
    page = customer.visit(FORM.replace("label=", "required label="))
    page.get_by_role("button", name="Save").click()
    expect(customer.box).to_be_focused()
    assert urlsplit(page.url).query == ""
    customer.answer("Ann")
    customer.box.fill("an")
    element = "document.querySelector('marquee-autocomplete')"
    assert page.evaluate(f"[{element}.checkValidity(), {element}.matches(':invalid')]") == [False, True]
    assert page.evaluate(f"{element}.validationMessage") == "Choose somebody from the suggestions."
    customer.options.first.click()
    assert page.evaluate(f"{element}.reportValidity()") is True


def test_a_disabled_fieldset_disables_it(customer: Customer) -> None:
    page = customer.visit(f"<fieldset disabled>{FORM.replace('<form', '<form id=f')}</fieldset>")
    expect(customer.box).to_be_disabled()
    page.evaluate("document.querySelector('fieldset').disabled = false")
    expect(customer.box).to_be_enabled()
    page.evaluate("document.querySelector('marquee-autocomplete').disabled = true")
    expect(customer.box).to_be_disabled()
    assert customer.sent() == {}


@pytest.mark.parametrize(
    "markup",
    [
        '<marquee-autocomplete label="Actor"></marquee-autocomplete>',
        '<marquee-autocomplete aria-label="Actor"></marquee-autocomplete>',
        '<marquee-autocomplete><b slot="label">Actor</b></marquee-autocomplete>',
        '<label for="a">Actor</label> <marquee-autocomplete id="a"></marquee-autocomplete>',
        '<marquee-autocomplete id="a"></marquee-autocomplete> <label for="a">Actor</label>',
        "<label>Actor <marquee-autocomplete></marquee-autocomplete></label>",
    ],
)
def test_it_is_called_what_the_page_calls_it(customer: Customer, markup: str) -> None:
    page = customer.visit(markup)
    expect(page.get_by_role("combobox", name="Actor", exact=True)).to_be_visible()
    assert customer.list_violations() == []
    if "<label" in markup or "slot" in markup:
        page.get_by_text("Actor").click()
        expect(customer.box).to_be_focused()


# --- The network --------------------------------------------------------------------------------------------


def test_a_slow_network_keeps_the_last_answer_on_the_screen(customer: Customer) -> None:
    held: list[Route] = []
    customer.page.route("**/v1/actors/suggest?q=a", fulfil(suggestions("First")))
    customer.page.route("**/v1/actors/suggest?q=ab", lambda route: held.append(route))
    page = customer.visit()
    customer.box.fill("a")
    expect(customer.options).to_contain_text("First")
    with page.expect_request("**/v1/actors/suggest?q=ab"):
        customer.box.press_sequentially("b")
    expect(page.locator("marquee-autocomplete .progress")).to_have_css("opacity", "1")
    expect(customer.options).to_contain_text("First")
    customer.picture("widget-loading")
    release(page, held, suggestions("Second"))
    expect(customer.options).to_contain_text("Second")
    expect(page.locator("marquee-autocomplete .progress")).to_have_css("opacity", "0")


def test_an_answer_that_comes_between_two_letters_does_not_swallow_the_second(customer: Customer) -> None:
    """It once ended the wait of the letter typed since, which was then never asked for."""
    held: list[Route] = []
    customer.page.route("**/v1/actors/suggest?q=a", lambda route: held.append(route))
    customer.page.route("**/v1/actors/suggest?q=ab", fulfil(suggestions("Abby")))
    page = customer.visit(
        '<form><marquee-autocomplete label="Actor" debounce="400"></marquee-autocomplete></form>'
    )
    with page.expect_request("**/v1/actors/suggest?q=a"):
        customer.box.press_sequentially("a")
    customer.box.press_sequentially("b")
    release(page, held, suggestions("Ada"))
    expect(customer.options).to_have_text([re.compile("Abby")])


def test_answers_out_of_order_never_show_the_older_one(customer: Customer) -> None:
    held: list[Route] = []
    customer.page.route("**/v1/actors/suggest?q=old", lambda route: held.append(route))
    customer.page.route("**/v1/actors/suggest?q=new", fulfil(suggestions("The New")))
    page = customer.visit()
    with page.expect_request("**/v1/actors/suggest?q=old"):
        customer.box.fill("old")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("q=old")):  # it was ended
        customer.box.fill("new")
    expect(customer.options).to_contain_text("The New")
    release(page, held, suggestions("The Old"))
    page.wait_for_timeout(100)
    expect(customer.options).to_contain_text("The New")
    assert customer.told == [], "who is overtaken is no error"


def test_nothing_that_is_under_way_opens_after_choosing_or_emptying(customer: Customer) -> None:
    held: list[Route] = []
    customer.page.route("**/v1/actors/suggest?q=a", fulfil(suggestions("First")))
    customer.page.route("**/v1/actors/suggest?q=ab", lambda route: held.append(route))
    page = customer.visit()
    leaves: list[Callable[[], None]] = [customer.options.first.click, lambda: customer.box.fill("")]
    for leave in leaves:
        customer.box.fill("a")
        expect(customer.options).to_have_count(1)
        with page.expect_request("**/v1/actors/suggest?q=ab"):
            customer.box.press_sequentially("b")
        leave()
        release(page, held, suggestions("Second"))
        page.wait_for_timeout(100)
        expect(customer.options).to_have_count(0)


def _refuse(status: int, retry_after: str | None, kind: str) -> Callable[[Route], None]:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return fulfil(problem("Refused", "come again", status) | {"type": f"/problems/{kind}"}, status, headers)


def _say(body: str, status: int = 200) -> Callable[[Route], None]:
    headers = {"Access-Control-Allow-Origin": "*"}
    return lambda route: route.fulfill(status=status, content_type="text/html", body=body, headers=headers)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (_refuse(429, "1", "too-many-requests"), "too-many-requests"),
        (_refuse(503, "1", "engine-unavailable"), "engine-unavailable"),
        (_refuse(500, None, "internal-error"), "internal-error"),
        (_say("<h1>Bad gateway</h1>", 502), "foreign"),
        (_say("<h1>Sign in to the hotel's network</h1>"), "foreign"),
        (_say('{"suggestions": [{"nco'), "foreign"),
        (_say('{"hits": []}'), "foreign"),
        (lambda route: route.abort("connectionrefused"), "unreachable"),
        (lambda _: None, "timeout"),
    ],
    ids=["429", "503", "500", "502-html", "html", "cut", "other", "refused", "never"],
)  # fmt: skip
def test_a_service_that_is_away_leaves_a_plain_field_and_is_found_again(
    customer: Customer, fault: Callable[[Route], None], kind: str
) -> None:
    customer.page.clock.install()
    customer.page.route(SUGGEST, fault)
    page = customer.visit(FORM.replace("label=", 'required text-name="typed" label='))
    customer.box.fill("an")
    page.clock.run_for(100)
    if kind == "timeout":
        page.clock.run_for(5_000)
    expect(customer.message).to_have_text("No suggestions for the moment; you can go on typing.")
    expect(page.get_by_role("status")).to_have_text("No suggestions for the moment; you can go on typing.")
    expect(customer.box).to_have_attribute("aria-expanded", "false")
    assert customer.told == [["error", kind]]
    customer.box.press_sequentially("n")
    assert customer.sent() == {"actor": "", "typed": "ann"}
    assert page.evaluate("document.forms[0].checkValidity()"), "nobody can be chosen now"
    customer.picture("widget-away")
    customer.answer("Ann")
    page.clock.run_for(2_000)
    expect(customer.options).to_have_text("Ann born 1980 Ann (2001)")
    expect(customer.message).to_be_hidden()
    assert not page.evaluate("document.forms[0].checkValidity()")


def test_retry_after_is_waited_for(customer: Customer) -> None:
    page = customer.page
    page.clock.install()
    asked = customer.asked
    page.route(SUGGEST, _refuse(429, "60", "too-many-requests"))
    customer.visit()
    customer.box.fill("a")
    page.clock.run_for(100)
    expect(customer.message).to_be_visible()
    customer.box.fill("ab")
    page.clock.run_for(58_000)
    assert len(asked) == 1
    customer.answer("Abe")
    page.clock.run_for(2_000)
    expect(customer.options).to_have_text("Abe born 1980 Abe (2001)")
    assert [url.split("?")[1] for url in asked] == ["q=a", "q=ab"]


def test_who_has_gone_elsewhere_asks_no_more_until_he_comes_back(customer: Customer) -> None:
    page = customer.page
    page.clock.install()
    asked = customer.asked
    page.route(SUGGEST, _refuse(503, "1", "engine-unavailable"))
    customer.visit()
    customer.box.fill("a")
    page.clock.run_for(100)
    expect(customer.message).to_be_visible()
    page.get_by_role("button", name="Save").focus()
    expect(customer.message).to_be_hidden()
    page.clock.run_for(60_000)
    page.wait_for_timeout(50)
    page.clock.run_for(60_000)
    assert len(asked) == 2, "the one that was due already, and no more"
    customer.answer("Ann")
    customer.box.focus()
    page.clock.run_for(100)
    expect(customer.options).to_have_count(1)


def test_offline_and_back(customer: Customer) -> None:
    page = customer.visit()
    page.context.set_offline(True)
    customer.box.fill("brad pi")
    expect(customer.message).to_contain_text("No suggestions for the moment")
    page.context.set_offline(False)
    expect(customer.options.first).to_contain_text("Brad Pitt")


def test_what_is_wrong_with_the_question_is_not_asked_again(customer: Customer) -> None:
    asked = customer.asked
    customer.page.route("**/v1/actors/suggest?q=a", _refuse(401, None, "unauthorized"))
    customer.page.route("**/v1/actors/suggest?q=%21*", _refuse(400, None, "empty-query"))
    page = customer.visit()
    customer.box.fill("a")
    expect(customer.message).to_be_visible()
    assert customer.told == [["error", "unauthorized"]]
    with page.expect_response("**/v1/actors/suggest?q=%21*"):
        customer.box.fill("!!")
    expect(customer.message).to_be_hidden()
    page.wait_for_timeout(300)
    assert len(asked) == 2
    assert len(customer.told) == 1, "signs alone are no error"


# --- What is shown ------------------------------------------------------------------------------------------


def test_a_screen_reader_is_told(customer: Customer) -> None:
    answer = suggestions("Michelle Williams", "Michelle Williams", highlight=((0, 8), (9, 12)))
    answer["suggestions"][1] |= {"birth_year": 1950, "death_year": 2008, "known_for": None}
    customer.page.route(SUGGEST, fulfil(answer))
    page = customer.visit()
    customer.box.fill("michele wil")
    expect(customer.options).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
      - heading "Shop" [level=1]
      - text: Actor
      - combobox "Actor" [expanded] [active]: michele wil
      - button "Clear"
      - listbox "Suggestions":
        - option "Michelle Williams born 1980 Michelle Williams (2001)" [selected]
        - option "Michelle Williams 1950–2008"
      - status: 2 suggestions, up and down to choose
      - button "Save"
    """)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Michelle Williams chosen")


@pytest.mark.parametrize("customer", ["desktop", "dark", "phone", "forced"], indirect=True)
def test_axe_finds_no_violation_in_any_state(customer: Customer, request: pytest.FixtureRequest) -> None:
    name = f"widget-{request.node.callspec.params['customer']}"
    page = customer.visit(f"<style>html {{ background: Canvas }}</style>{FORM}")
    assert customer.list_violations() == []
    customer.answer(*(f"Ann {letter}" for letter in "ABCDE"), highlight=((0, 3),))
    customer.box.fill("ann")
    expect(customer.options).to_have_count(5)
    page.keyboard.press("ArrowDown")
    assert customer.list_violations() == []
    if "forced" not in name:
        assert page.evaluate(POOR_CONTRAST) == []
    customer.picture(f"{name}-list")
    customer.answer()
    customer.box.fill("qq")
    expect(customer.message).to_have_text("Nobody found. Fewer letters may find more.")
    assert customer.list_violations() == []
    customer.picture(f"{name}-nobody")


@pytest.mark.parametrize("customer", ["phone"], indirect=True)
def test_a_finger_chooses(customer: Customer) -> None:
    customer.answer("Ann A", "Wolfeschlegelsteinhausenbergerdorff" * 4)
    page = customer.visit(FORM + "<p>" + "text " * 2000)
    customer.box.tap()
    customer.box.fill("ann")
    expect(customer.options).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for target in (customer.options.first, page.get_by_role("button", name="Clear")):
        size = target.bounding_box()
        assert size
        assert min(size["width"], size["height"]) >= 44
    customer.picture("widget-touch")
    customer.options.first.tap()
    expect(customer.box).to_have_value("Ann A")
    assert customer.told[0] == ["select", "Ann A"]
    customer.box.fill("ann")
    expect(customer.options).to_have_count(2)
    page.get_by_role("heading").tap()
    expect(customer.options).to_have_count(0)


def test_fifty_suggestions_scroll_inside_the_list(customer: Customer) -> None:
    customer.answer(*(f"Ann {number}" for number in range(50)))
    page = customer.visit(FORM.replace("label=", 'limit="500" label='))
    with page.expect_request("**/v1/actors/suggest?q=ann&limit=50"):
        customer.box.fill("ann")
    expect(customer.options).to_have_count(50)
    page.keyboard.press("ArrowUp")
    expect(customer.options.last).to_have_attribute("aria-selected", "true")
    expect(customer.options.last).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_the_list_opens_upwards_where_there_is_no_room_below(customer: Customer) -> None:
    customer.answer(*(f"Ann {number}" for number in range(8)))
    page = customer.visit(f"<br>{'<br>' * 29}{FORM}{'<br>' * 3}")
    customer.box.fill("ann")
    expect(customer.options.last).to_be_in_viewport(ratio=1)
    box, last = customer.box.bounding_box(), customer.options.last.bounding_box()
    assert box
    assert last
    assert last["y"] + last["height"] <= box["y"]
    assert page.evaluate("scrollY") == 0


def test_right_to_left(customer: Customer) -> None:
    customer.answer("عمر الشريف", "Omar Sharif", "نُور الشَّرِيف", highlight=((0, 3),))
    page = customer.visit(f'<div dir="rtl">{FORM}</div>')
    customer.box.fill("عمر")
    expect(customer.options).to_have_count(3)
    expect(customer.options.first.locator("mark")).to_have_text("عمر")
    box, clear = customer.box.bounding_box(), page.get_by_role("button", name="Clear").bounding_box()
    assert box
    assert clear
    assert clear["x"] - box["x"] < 20, "at the end of the line, which is left"
    starts = customer.options.locator(".name").evaluate_all(
        "names => names.map((name) => getComputedStyle(name).direction)"
    )
    assert starts == ["rtl", "ltr", "rtl"], "each name reads its own way"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    customer.picture("widget-rtl")


def test_markup_and_wild_offsets_are_text(customer: Customer) -> None:
    page = customer.visit()
    answer = suggestions(MARKUP, highlight=((0, 4), (2, 1), (500, 900)))
    answer["suggestions"].append({"nconst": "nm9", "name": "𝒵oë 🎬", "highlight": [[0, 4]]})
    answer["suggestions"].append({"nconst": "nm8", "name": 7})
    page.route(SUGGEST, fulfil(answer))
    customer.box.fill("<b>")
    expect(customer.options.first.locator(".known-for")).to_have_text(f"{MARKUP} (2001)")
    expect(customer.options.nth(1).locator("mark")).to_have_text("𝒵oë")
    expect(customer.options.nth(2).locator(".name")).to_have_text("7")
    assert page.locator("img, marquee-autocomplete b").count() == 0
    customer.options.nth(1).click()
    expect(customer.box).to_have_value("𝒵oë 🎬")
    assert page.title() == "Shop"


def test_five_hundred_letters_are_kept_and_not_asked_for(customer: Customer) -> None:
    asked = customer.asked
    page = customer.visit(FORM.replace("label=", 'text-name="typed" label='))
    customer.box.fill("é" * 500)
    expect(customer.message).to_have_text("No suggestions for more than 200 letters.")
    expect(page.get_by_role("status")).to_have_text("No suggestions for more than 200 letters.")
    page.wait_for_timeout(150)
    assert asked == []
    assert customer.sent()["typed"] == "é" * 500
    customer.picture("widget-long")
    customer.box.fill("🎬" * 200)  # two UTF-16 units each: the service counts them as people do
    with page.expect_response(SUGGEST) as answered:
        customer.box.press("End")
        customer.box.press("Backspace")
    assert answered.value.status == 400, "signs alone"
    expect(customer.message).to_be_hidden()


@pytest.mark.parametrize("customer", ["desktop", "still"], indirect=True)
def test_motion_is_left_out_for_whom_it_disturbs(customer: Customer, request: pytest.FixtureRequest) -> None:
    page = customer.visit()
    page.route(SUGGEST, lambda _: None)
    with page.expect_request(SUGGEST):
        customer.box.fill("a")
    name = page.locator("marquee-autocomplete .progress").evaluate(
        "progress => getComputedStyle(progress, '::before').animationName"
    )
    assert name == ("none" if request.node.callspec.params["customer"] == "still" else "pass")


def test_a_page_dresses_it_and_gives_it_words(customer: Customer) -> None:
    page = customer.visit(
        """<style>
          :root { --accent: rgb(0, 128, 0); }
          marquee-autocomplete { --marquee-accent: var(--accent); }
          marquee-autocomplete::part(option active) { text-decoration: underline; }
        </style>"""
        + FORM
    )
    page.evaluate("""import(document.querySelector("script").src).then(({ MarqueeAutocomplete }) => {
        MarqueeAutocomplete.words.nobody = "Niemand gefunden";
    })""")
    customer.answer("Ann")
    customer.box.fill("a")
    expect(customer.options).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(customer.options).to_have_css("text-decoration-line", "underline")
    expect(customer.options).to_have_css("border-left-color", "rgb(0, 128, 0)")
    customer.answer()
    customer.box.fill("q")
    expect(customer.message).to_have_text("Niemand gefunden")


def test_two_on_one_page_keep_apart_and_leave_nothing_behind(customer: Customer) -> None:
    customer.answer("Ann")
    page = customer.visit(FORM + FORM.replace("Actor", "Actress").replace("Save", "Store"))
    page.get_by_role("combobox", name="Actress").fill("ann")
    expect(page.get_by_role("combobox", name="Actress")).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("combobox", name="Actor")).to_have_attribute("aria-expanded", "false")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("""() => {
        arrived = Infinity; // what goes away may move what is below
        const element = document.querySelector("marquee-autocomplete");
        const input = element.shadowRoot.querySelector("input");
        input.value = "ann"; // here, since it must not have waited long enough to ask
        input.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
        element.remove();
    }""")
    page.wait_for_timeout(200)
    assert asked == [], "who is taken from the page asks nothing"


# --- As the documentation shows it --------------------------------------------------------------------------


def test_what_the_readme_shows_works(customer: Customer) -> None:
    (markup,) = re.findall(r"```html\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    markup = markup.replace("http://127.0.0.1:8000", customer.marquee)
    customer.page.goto(customer.shop.write_page(markup, ""))
    customer.box.fill("jake gylenhal")
    customer.options.first.click()
    customer.page.get_by_role("button", name="Save").click()
    customer.page.wait_for_url("**/?actor=nm90011918")


def test_the_documented_page_works(customer: Customer) -> None:
    (markup,) = read_recipe("The element", "html")
    page = customer.page
    page.goto(customer.shop.write_page(markup.replace(HOST, customer.marquee), ""))
    customer.box.fill("brad pi")
    customer.options.first.click()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/?actor=nm*")
    (style,) = read_recipe("The element", "css")
    page.add_style_tag(content=style)
    (words,) = read_recipe("The element", "js")
    page.add_script_tag(content=words.replace(HOST, customer.marquee), type="module")
    customer.answer()
    customer.box.fill("q")
    expect(customer.message).to_have_text("Niemand gefunden")
    expect(page.locator("marquee-autocomplete")).to_have_css("--marquee-accent", "rebeccapurple")


def test_the_datalist_recipe_works(customer: Customer) -> None:
    page = customer.page
    (markup,) = read_recipe("A plain `<datalist>`", "html")
    (script,) = read_recipe("A plain `<datalist>`", "js")
    customer.shop.write("/actors.js", script.replace(HOST, customer.marquee))
    page.goto(customer.shop.write_page(f"<form>{markup}</form>", ""))
    page.get_by_role("combobox", name="Actor").press_sequentially("jake gil", delay=40)
    option = page.locator("datalist option").first
    expect(option).to_have_attribute("value", "Jake Gyllenhaal")
    # What the browser compares with what is typed: without it, it would not show who was mistyped.
    expect(option).to_have_text("jake gil → The Covenant (2023)")
    # What choosing does in the browser's own list, which no test can see.
    page.get_by_role("combobox", name="Actor").fill("Jake Gyllenhaal")
    assert customer.sent()["actor"].startswith("nm")
    page.route(SUGGEST, lambda route: route.abort("connectionrefused"))
    page.get_by_role("combobox", name="Actor").fill("Somebody Else")
    assert customer.sent() == {"actor": ""}


def test_the_downshift_recipe_works(customer: Customer, downshift: Path) -> None:
    (component,) = read_recipe("Downshift (React)", "jsx")
    (downshift / "actor-field.jsx").write_text(component.replace(HOST, customer.marquee))
    (downshift / "page.jsx").write_text("""
        import { createRoot } from "react-dom/client";
        import { ActorField } from "./actor-field.jsx";
        createRoot(document.querySelector("#app")).render(
          <ActorField onChoose={(actor) => { document.title = actor.nconst; }} />);
    """)
    command = ["npx", "--no-install", "esbuild", "page.jsx", "--bundle", "--jsx=automatic"]
    bundle = subprocess.run(command, cwd=downshift, check=True, capture_output=True, text=True).stdout
    customer.shop.write("/page.js", bundle)
    page = customer.page
    body = '<div id="app"></div><script type="module" src="/page.js"></script>'
    page.goto(customer.shop.write_page(body, ""))
    customer.box.press_sequentially("jake gil", delay=40)
    expect(customer.options.first).to_contain_text("Jake Gyllenhaal The Covenant (2023)")
    expect(customer.options.first.locator("mark")).to_have_text(["Jake", "Gyl"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(customer.box).to_have_value("Jake Gyllenhaal")
    expect(page).to_have_title(re.compile("^nm[0-9]+$"))
    page.route(SUGGEST, lambda route: route.abort("connectionrefused"))
    customer.box.fill("somebody")
    page.wait_for_timeout(150)
    expect(customer.box).to_have_value("somebody")
