"""The demo page in a real Chromium against a running service on the sample."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import NOTE_SHIFTS, PHONE, POOR_CONTRAST, Watched
from tests.stubs import GENERATION, MARKUP, fulfil, problem, release, suggestions

pytestmark = pytest.mark.browser

SHIFT = "shifts.reduce((sum, { value }) => sum + value, 0)"
# Unbroken, so that only breaking inside the word keeps it on a phone's screen.
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 4


def _type(page: Page, text: str) -> None:
    page.get_by_role("combobox").press_sequentially(text, delay=40)


def _type_to_the_answer(page: Page, text: str) -> None:
    """Type letter by letter until the answer to the whole text is there: no later one redraws the list."""
    with page.expect_response(lambda answer: parse_qs(urlsplit(answer.url).query).get("q") == [text]):
        _type(page, text)


def _hits(query: str, *names: str, **changes: Any) -> dict[str, Any]:
    match = {"kind": "fuzzy", "edits": 2, "matched": ["x"], **changes.pop("match", {})}
    hits = [
        {
            "nconst": f"nm{number:07}",
            "name": name,
            "score": 0.9,
            "birth_year": None,
            "death_year": None,
            "professions": ["actor", "casting_director"],
            "known_for": [{"tconst": "tt0000001", "title": name, "year": 2001}],
            "popularity": 0.5,
            "match": match,
            "explanation": {"reasons": [f"{name} is what was typed"]},
        }
        for number, name in enumerate(names, start=1)
    ]
    return {
        "query": query,
        "generation": GENERATION,
        "stale": False,
        "took_ms": 4.2,
        "did_you_mean": None,
        "ambiguous": False,
        "hits": hits,
        **changes,
    }


def test_typing_letter_by_letter_suggests_and_enter_finds(watched: Watched) -> None:
    page = watched.open()
    _type_to_the_answer(page, "jake gylenhal")
    expect(page.get_by_role("option").first).to_contain_text("Jake Gyllenhaal")
    page.keyboard.press("Enter")
    first = page.locator(".card").first
    expect(first.get_by_role("heading")).to_have_text("Jake Gyllenhaal")
    expect(first).to_contain_text("2 letters off")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator(".summary")).to_contain_text(
        re.compile(r"[\d.]+ ms round trip, [\d.]+ ms in the service")
    )
    assert parse_qs(urlsplit(page.url).query) == {"q": ["jake gylenhal"]}


def test_enter_before_any_suggestion_searches_what_stands_in_the_box(watched: Watched) -> None:
    page = watched.open()
    page.get_by_role("combobox").fill("arnold shwarzeneger")
    page.keyboard.press("Enter")
    expect(page.locator(".card h3").first).to_have_text("Arnold Schwarzenegger")
    # The suggestions that were under way must not open over the results.
    page.wait_for_timeout(400)
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_the_keyboard_moves_chooses_and_closes(watched: Watched) -> None:
    watched.page.route("**/v1/actors/suggest?*", fulfil(suggestions("Ann")))
    watched.page.route("**/v1/actors/suggest?q=ann", fulfil(suggestions("Ann A", "Ann B", "Ann C")))
    page = watched.open()
    box, options = page.get_by_role("combobox"), page.get_by_role("option")

    def expect_active(index: int | None) -> None:
        expect(page.locator("[aria-selected=true]")).to_have_count(0 if index is None else 1)
        if index is None:
            assert box.get_attribute("aria-activedescendant") is None
        else:
            identifier = options.nth(index).get_attribute("id")
            assert identifier
            expect(options.nth(index)).to_have_attribute("aria-selected", "true")
            expect(box).to_have_attribute("aria-activedescendant", identifier)

    expect(box).to_have_attribute("aria-expanded", "false")
    _type(page, "ann")
    expect(options).to_have_count(3)
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("status").filter(has_text="3 suggestions")).to_have_count(1)
    expect_active(None)
    for key, index in [("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", 2), ("ArrowDown", 0)]:
        page.keyboard.press(key)
        expect_active(index)
    page.keyboard.press("Home")
    expect_active(None)
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("ann")
    page.keyboard.press("ArrowDown")
    expect_active(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    expect(box).to_be_focused()


def test_a_newer_answer_keeps_who_is_active_while_he_is_offered(watched: Watched) -> None:
    page = watched.page
    held: list[Route] = []
    first = suggestions("Ann A", "Ann B", "Ann C")
    page.route("**/v1/actors/suggest?q=an", fulfil(first))
    page.route("**/v1/actors/suggest?q=ann*", lambda route: held.append(route))
    watched.open()
    box, options = page.get_by_role("combobox"), page.get_by_role("option")
    active = page.locator("[aria-selected=true]")
    box.fill("an")
    expect(options).to_have_count(3)

    with page.expect_request("**/v1/actors/suggest?q=ann"):
        _type(page, "n")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(active).to_contain_text("Ann B")
    # He is another one of the list now.
    release(page, held, {**first, "suggestions": first["suggestions"][1:]})
    expect(options).to_have_count(2)
    expect(active).to_have_count(1)
    expect(active).to_contain_text("Ann B")
    expect(box).to_have_attribute("aria-activedescendant", options.first.get_attribute("id") or "none")

    with page.expect_request("**/v1/actors/suggest?q=anna"):
        _type(page, "a")
    release(page, held, {**first, "suggestions": first["suggestions"][2:]})
    expect(options).to_have_count(1)
    expect(active).to_have_count(0)
    assert box.get_attribute("aria-activedescendant") is None, "of whom is offered no longer"


def test_an_answer_under_way_opens_no_list_that_was_closed(watched: Watched) -> None:
    page = watched.page
    held: list[Route] = []
    page.route("**/v1/actors/suggest?q=a", fulfil(suggestions("First")))
    page.route("**/v1/actors/suggest?q=ab", lambda route: held.append(route))
    watched.open()
    box, options = page.get_by_role("combobox"), page.get_by_role("option")
    box.fill("a")
    expect(options).to_contain_text("First")
    with page.expect_request("**/v1/actors/suggest?q=ab"):
        _type(page, "b")
    page.keyboard.press("Escape")
    release(page, held, suggestions("Second"))
    expect(page.locator("[role=option]")).to_contain_text("Second")
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(options).to_contain_text("Second")
    expect(box).to_have_attribute("aria-expanded", "true")


def test_choosing_by_keyboard_shows_that_person(watched: Watched) -> None:
    page = watched.open()
    _type_to_the_answer(page, "scarlet johan")
    expect(page.get_by_role("option").first).to_contain_text("Scarlett Johansson")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="Scarlett Johansson")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_value("Scarlett Johansson")
    assert list(parse_qs(urlsplit(page.url).query)) == ["person"]


def test_choosing_by_click_shows_that_person(watched: Watched) -> None:
    page = watched.open()
    _type_to_the_answer(page, "keira knig")
    page.get_by_role("option", name="Keira Knightley").click()
    expect(page.get_by_role("heading", level=2, name="Keira Knightley")).to_be_visible()


def test_every_misspelling_to_try_finds_who_is_meant(watched: Watched) -> None:
    meant = {
        "jake gylenhal": "Jake Gyllenhaal",
        "arnold shwarzeneger": "Arnold Schwarzenegger",
        "scarlet johansen": "Scarlett Johansson",
        "renee zelweger": "Renée Zellweger",
        "bradpitt": "Brad Pitt",
        "keera nightly": "Keira Knightley",
        "timothy shalamay": "Timothée Chalamet",
        "sersha ronan": "Saoirse Ronan",
    }
    page = watched.open()
    chips = page.get_by_role("navigation").get_by_role("link")
    assert chips.all_text_contents() == list(meant)
    for text, name in meant.items():
        page.get_by_role("link", name=text, exact=True).click()
        expect(page.get_by_role("combobox")).to_have_value(text)
        expect(page.locator(".card h3").first).to_have_text(name)
        assert parse_qs(urlsplit(page.url).query) == {"q": [text]}


def test_a_deep_link_opens_its_results(watched: Watched) -> None:
    page = watched.open("renee zelweger")
    expect(page.get_by_role("combobox")).to_have_value("renee zelweger")
    expect(page.locator(".card h3").first).to_have_text("Renée Zellweger")
    # Two of this name in the sample: the page says so, and offers the right spelling.
    expect(page.locator(".notice")).to_contain_text("Several people bear this name")
    page.locator(".notice").get_by_role("link", name="Renée Zellweger").click()
    expect(page.get_by_role("combobox")).to_have_value("Renée Zellweger")
    page.reload()
    expect(page.locator(".card h3").first).to_have_text("Renée Zellweger")


def test_the_ways_of_matching_are_said_in_words(watched: Watched) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("ann lee", {"kind": "exact", "edits": 0, "matched": ["ann", "lee"]}, "exact"),
        (
            "annlee",
            {"kind": "exact", "edits": 0, "matched": ["ann", "lee"]},
            "same letters, spaced differently",
        ),
        ("an lee", {"kind": "fuzzy", "edits": 1}, "1 letter off"),
        ("an leigh", {"kind": "phonetic", "edits": 4}, "sounds alike, 4 letters off"),
        ("ann le", {"kind": "prefix", "edits": 1}, "starts like this"),
        ("ann", {"kind": "partial", "edits": 0}, "part of the name"),
    ]
    page = watched.page
    for query, match, words in cases:
        page.unroute_all()
        page.route("**/v1/actors/search?*", fulfil(_hits(query, "Ann Lee", match=match)))
        watched.open(query)
        expect(page.locator(".fit .quiet")).to_have_text(words)


def test_a_hit_says_why_it_stands_there(watched: Watched) -> None:
    page = watched.open("arnold shwarzeneger")
    why = page.get_by_role("button", name="2 letters off (why Arnold Schwarzenegger stands here)")
    expect(why).to_have_attribute("aria-expanded", "false")
    why.click()
    expect(page.locator(".reasons").first).to_contain_text(
        "“shwarzeneger” is 2 letters from “schwarzenegger”"
    )
    expect(why).to_have_attribute("aria-expanded", "true")
    watched.picture("demo-why")
    why.press("Enter")
    expect(page.locator(".reasons").first).to_be_hidden()


def test_the_time_of_suggestions_is_told_live(watched: Watched) -> None:
    page = watched.open()
    _type_to_the_answer(page, "brad")
    expect(page.locator("#timing")).to_have_text(re.compile(r"^suggested in [\d.]+ ms$"))


# --- A person -----------------------------------------------------------------------------------------------


def _person(**changes: Any) -> dict[str, Any]:
    actor = {
        "nconst": "nm0000001",
        "name": "Ann Lee",
        "birth_year": 1950,
        "death_year": 2008,
        "popularity": 0.5,
        "professions": ["actress"],
        "known_for": [],
        "credits_count": 3,
        **changes,
    }
    return {"generation": GENERATION, "actor": actor}


def _credits(*titles: str, cursor: str | None = None) -> dict[str, Any]:
    rows = [
        {"tconst": "tt0000001", "title": title, "year": 2001, "title_type": "tvSeries", "category": "self",
         "characters": ["Herself", title]}
        for title in titles
    ]  # fmt: skip
    return {"generation": GENERATION, "credits": rows, "next_cursor": cursor}


def test_a_profile_and_the_way_there_and_back(watched: Watched) -> None:
    page = watched.open("arnold shwarzeneger")
    page.evaluate("window.isSamePage = true")
    page.locator(".card h3 a").first.click()
    expect(page.get_by_role("heading", level=2, name="Arnold Schwarzenegger")).to_be_visible()
    expect(page).to_have_title("Arnold Schwarzenegger - Marquee")
    expect(page.locator("#results")).to_be_focused()
    expect(page.locator(".credits li").first).to_contain_text("Terminator: Dark Fate")
    expect(page.locator(".curl code").first).to_contain_text("/v1/actors/nm")
    assert watched.list_violations() == []
    watched.picture("demo-profile")
    profile = page.url
    page.get_by_role("link", name="← Results for “arnold shwarzeneger”").click()
    expect(page.locator(".card h3").first).to_have_text("Arnold Schwarzenegger")
    page.go_back()
    expect(page.get_by_role("heading", level=2, name="Arnold Schwarzenegger")).to_be_visible()
    page.go_back()
    expect(page.locator(".card h3").first).to_have_text("Arnold Schwarzenegger")
    expect(page.get_by_role("combobox")).to_have_value("arnold shwarzeneger")
    expect(page).to_have_title("Marquee")
    page.go_forward()
    assert page.url == profile
    assert page.evaluate("window.isSamePage"), "it never left the page"
    page.reload()
    expect(page.get_by_role("heading", level=2, name="Arnold Schwarzenegger")).to_be_visible()


def test_going_back_finds_the_place_again(watched: Watched) -> None:
    page = watched.open("arnold shwarzeneger")
    last = page.locator(".card h3 a").last
    last.scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    last.click()
    expect(page.locator(".credits")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    page.wait_for_function("(y) => Math.abs(scrollY - y) < 2", arg=scrolled)


def test_a_filmography_is_shown_page_by_page(watched: Watched) -> None:
    page = watched.open("arnold shwarzeneger")
    page.locator(".card h3 a").first.click()
    rows = page.locator(".credits li")
    expect(rows).to_have_count(25)
    page.get_by_role("button", name="Show more (25 of 37)").click()
    expect(rows).to_have_count(37)
    expect(page.locator(".more")).to_be_hidden()
    expect(rows.nth(25)).to_be_focused()
    assert len(set(rows.all_text_contents())) == 37


def test_a_page_of_credits_that_fails_can_be_asked_for_again(watched: Watched) -> None:
    page = watched.page
    page.route("**/v1/actors/nm0000001", fulfil(_person()))
    page.route("**/credits?limit=25", fulfil(_credits(MARKUP, "Two", cursor="next")))
    page.route("**/credits?*cursor=next", fulfil(problem("Away", "away", 503), 503, {"Retry-After": "9"}))
    page.goto(f"{watched.origin}/?person=nm0000001")
    expect(page.get_by_role("combobox")).to_have_value("Ann Lee")
    expect(page.locator(".who")).to_have_text("actress · 1950–2008")
    expect(page.locator(".credits li").first).to_contain_text(f"{MARKUP} tv series")
    expect(page.locator(".credits li").first).to_contain_text(f"Herself, {MARKUP}")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("p.notice")).to_have_text("Away: away")
    expect(page.locator("#announcement")).to_have_text("Away: away")
    page.route("**/credits?*cursor=next", fulfil(_credits("Three")))
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".credits li")).to_have_count(3)
    expect(page.locator("p.notice")).to_be_hidden()
    page.route("**/credits?limit=25", fulfil(_credits()))
    page.reload()
    expect(page.locator("#results")).to_contain_text("No credits are known.")


def test_a_person_nobody_knows_and_a_service_that_is_away(watched: Watched) -> None:
    page = watched.page
    page.goto(f"{watched.origin}/?person=nm0000000")
    expect(page.locator(".notice strong")).to_have_text("Not found")
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)
    page.route("**/v1/actors/nm*", fulfil(problem("Away", "away", 503), 503, {"Retry-After": "60"}))
    page.goto(f"{watched.origin}/?person=nm0000001")
    expect(page.locator(".notice")).to_contain_text("Trying again in 60 s")
    page.route("**/v1/actors/nm0000001", fulfil(_person() | {"stale": True}))
    page.route("**/credits?limit=25", fulfil(_credits("One")))
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("heading", level=2, name="Ann Lee")).to_be_visible()
    expect(page.locator("p.notice").first).to_contain_text("this is what it answered last")


def test_nobody_found_is_said(watched: Watched) -> None:
    watched.page.route("**/v1/actors/search?*", fulfil(_hits("qqq")))
    page = watched.open("qqq")
    expect(page.locator(".notice")).to_contain_text("Nobody found for “qqq”")
    expect(page.locator("#announcement")).to_contain_text("Nobody found")


def test_an_empty_box_goes_back_to_the_start(watched: Watched) -> None:
    page = watched.open("bradpitt")
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_role("combobox").fill("  ")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    assert urlsplit(page.url).query == ""


def test_what_the_service_refuses_is_said_without_repeating_it(watched: Watched) -> None:
    page = watched.open("!!!")
    expect(page.locator(".notice strong")).to_have_text("Nothing to search for")
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)


def test_a_service_that_is_away_is_said_and_asked_again_after_its_time(watched: Watched) -> None:
    page = watched.page
    away = problem("The search engine is away", "the engine does not answer", 503)
    page.route("**/v1/actors/search?*", fulfil(away, 503, {"Retry-After": "2"}))
    watched.open("jake gylenhal")
    expect(page.locator(".notice")).to_contain_text("the engine does not answer")
    expect(page.locator(".notice")).to_contain_text("Trying again in 2 s")
    # Meanwhile somebody types on: the repetition must not overwrite that.
    page.unroute_all()
    page.get_by_role("combobox").fill("somebody el")
    expect(page.locator(".card h3").first).to_have_text("Jake Gyllenhaal")
    expect(page.get_by_role("combobox")).to_have_value("somebody el")


def test_trying_now_needs_no_waiting(watched: Watched) -> None:
    page = watched.page
    page.route("**/v1/actors/search?*", fulfil(problem("Away", "away", 503), 503, {"Retry-After": "3600"}))
    watched.open("bradpitt")
    expect(page.locator(".notice")).to_contain_text("Trying again in 3600 s")
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".card h3").first).to_have_text("Brad Pitt")


@pytest.mark.parametrize("fault", ["html", "cut"])
def test_no_answer_of_ours_is_said_too(watched: Watched, fault: str) -> None:
    def fail(route: Route) -> None:
        if fault == "html":
            route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
        else:
            route.abort("connectionrefused")

    watched.page.route("**/v1/**", fail)
    page = watched.open("bradpitt")
    says = "HTTP 502" if fault == "html" else "cannot be reached"
    expect(page.locator(".notice")).to_contain_text(says)
    # Typing goes on in a plain box.
    page.get_by_role("combobox").fill("brad")
    expect(page.locator("marquee-autocomplete .message")).to_contain_text("No suggestions for the moment")
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".card h3").first).to_have_text("Brad Pitt")


def test_answers_out_of_order_never_show_the_older_one(watched: Watched) -> None:
    page = watched.page
    held: list[Route] = []
    page.route("**/v1/actors/suggest?q=old", lambda route: held.append(route))
    page.route("**/v1/actors/suggest?q=new", fulfil(suggestions("The New")))
    watched.open()
    box = page.get_by_role("combobox")
    with page.expect_request("**/v1/actors/suggest?q=old"):
        box.fill("old")
    box.fill("new")
    expect(page.get_by_role("option")).to_contain_text("The New")
    release(page, held, suggestions("The Old"))
    page.wait_for_timeout(300)
    expect(page.get_by_role("option")).to_contain_text("The New")


def test_the_last_suggestions_stay_until_the_next_are_here(watched: Watched) -> None:
    page = watched.page
    held: list[Route] = []
    page.route("**/v1/actors/suggest?q=a", fulfil(suggestions("First")))
    page.route("**/v1/actors/suggest?q=ab", lambda route: held.append(route))
    watched.open()
    _type(page, "a")
    expect(page.get_by_role("option")).to_contain_text("First")
    with page.expect_request("**/v1/actors/suggest?q=ab"):
        _type(page, "b")
    page.wait_for_timeout(200)
    expect(page.get_by_role("option")).to_contain_text("First")
    release(page, held, suggestions("Second"))
    expect(page.get_by_role("option")).to_contain_text("Second")


def test_markup_in_names_is_text(watched: Watched) -> None:
    page = watched.page
    page.route("**/v1/actors/suggest?*", fulfil(suggestions(MARKUP, highlight=((0, 4),))))
    page.route("**/v1/actors/search?*", fulfil(_hits(MARKUP, MARKUP, did_you_mean=MARKUP)))
    watched.open()
    _type_to_the_answer(page, "<b>")
    expect(page.get_by_role("option").locator(".name")).to_have_text(MARKUP)
    page.keyboard.press("Enter")
    expect(page.locator(".card h3")).to_have_text(MARKUP)
    expect(page.locator(".notice a")).to_have_text(MARKUP)
    assert page.locator("main img, main b").count() == 0
    assert page.title() == "Marquee"


def test_highlights_count_utf16_units(watched: Watched) -> None:
    name = "𝒵oë 🎬 Kravitz"  # both signs take two units
    watched.page.route("**/v1/actors/suggest?*", fulfil(suggestions(name, highlight=((0, 4), (8, 11)))))
    page = watched.open()
    _type_to_the_answer(page, "zoe kra")
    expect(page.get_by_role("option").locator("mark")).to_have_text(["𝒵oë", "Kra"])


def test_the_same_search_can_be_copied_as_curl(watched: Watched) -> None:
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = watched.open("conan o'brien")
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"curl '{watched.origin}/v1/actors/search?q=conan+o%27brien'"


def test_the_footer_says_what_is_live(watched: Watched) -> None:
    page = watched.open()
    expect(page.locator("#source")).to_contain_text(
        re.compile(r"[\d,]+ actors and [\d,]+ titles · generation v1-")
    )
    expect(page.locator("#attribution")).not_to_be_empty()


@pytest.mark.parametrize("watched", ["phone"], indirect=True)
def test_a_phone_never_scrolls_sideways(watched: Watched) -> None:
    page = watched.page

    def expect_fitting() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    watched.open("arnold shwarzeneger")
    expect(page.locator(".card").first).to_be_visible()
    expect_fitting()
    page.route("**/v1/actors/suggest?*", fulfil(suggestions(LONG)))
    page.route("**/v1/actors/search?*", fulfil(_hits(LONG, LONG, did_you_mean=LONG, ambiguous=True)))
    page.get_by_role("combobox").fill("wolfe")
    expect(page.get_by_role("option")).to_be_visible()
    expect_fitting()
    page.keyboard.press("Enter")
    expect(page.locator(".card h3").first).to_have_text(LONG)
    expect_fitting()
    page.unroute_all()
    page.route("**/v1/actors/search?*", fulfil(problem("Away", LONG, 503), 503, {"Retry-After": "60"}))
    watched.open(LONG)
    expect(page.locator(".notice")).to_be_visible()
    expect_fitting()


@pytest.mark.parametrize("watched", ["desktop", "dark", "phone"], indirect=True)
def test_everything_has_a_name_and_can_be_read(watched: Watched) -> None:
    page = watched.open("renee zelweger")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("#attribution")).not_to_be_empty()
    assert page.evaluate(POOR_CONTRAST) == []
    _type(page, " ")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(POOR_CONTRAST) == []

    assert page.title() == "Marquee"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("main").count() == page.locator("h1").count() == 1
    expect(page.get_by_role("combobox", name="Name of an actor")).to_be_visible()
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    for control in page.locator("input, button, a, [role=option]").all():
        expect(control).to_have_accessible_name(re.compile(r"\S"))
    identifiers = page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
    assert len(identifiers) == len(set(identifiers))
    # No inline script or style, so that a content security policy can forbid them.
    markup = page.request.get(watched.origin + "/").text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)


# Set before anything of the page runs.
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener(
  "securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


def test_the_pages_keep_to_their_content_security_policy(watched: Watched) -> None:
    page = watched.page
    page.add_init_script(NOTE_VIOLATIONS)
    watched.open("jake gylenhal")
    expect(page.locator(".card h3").first).to_have_text("Jake Gyllenhaal")
    _type(page, " x")
    page.goto(watched.origin + "/schema/docs")
    operation = page.locator("#operations-actors-searchActors")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("q", exact=True).fill("jake gylenhal")
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("Jake Gyllenhaal")
    assert page.evaluate("window.violations") == []


def test_the_policy_stops_what_is_smuggled_in(watched: Watched) -> None:
    page = watched.page
    page.add_init_script(NOTE_VIOLATIONS)
    watched.open()
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'smuggled'";
        document.body.append(script);
        const picture = document.createElement("img");
        picture.src = "https://evil.example/x.png";
        document.body.append(picture);
    }""")
    page.wait_for_function("window.violations.length === 2")
    assert page.evaluate("window.violations") == ["script-src-elem", "img-src"]
    assert page.title() == "Marquee"
    assert len(watched.errors) == 2
    watched.errors.clear()
    watched.foreign.clear()


def test_an_answer_that_takes_longer_moves_nothing(watched: Watched) -> None:
    watched.page.add_init_script(NOTE_SHIFTS)
    page = watched.open()
    answer = fulfil(suggestions("Ann Lee"))
    held: list[Route] = []
    page.route("**/v1/actors/suggest?q=a", answer)
    page.route("**/v1/actors/suggest?q=an", lambda route: held.append(route))
    _type_to_the_answer(page, "a")
    expect(page.locator("#timing")).to_have_text(re.compile(r"^suggested in [\d.]+ ms$"))
    _type(page, "n")
    page.wait_for_timeout(1100)
    answer(held[0])
    expect(page.locator("#timing")).to_have_text(re.compile(r"^suggested in \d{4} ms$"))
    page.wait_for_timeout(100)
    assert page.evaluate(SHIFT) == 0


@pytest.mark.parametrize("watched", ["desktop", "dark", "phone"], indirect=True)
def test_axe_finds_no_violation_and_nothing_moves(watched: Watched, request: pytest.FixtureRequest) -> None:
    name = f"demo-{request.node.callspec.params['watched']}"
    watched.page.add_init_script(NOTE_SHIFTS)
    page = watched.open()
    expect(page.locator("#attribution")).not_to_be_empty()
    watched.picture(f"{name}-start")
    _type_to_the_answer(page, "jake gil")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert watched.list_violations() == []
    watched.picture(f"{name}-suggestions")
    assert page.evaluate(SHIFT) == 0, "neither while it loads nor while somebody types"
    page.keyboard.press("Escape")
    page.get_by_role("link", name="jake gylenhal").click()
    expect(page.get_by_role("heading", level=3).first).to_have_text("Jake Gyllenhaal")
    assert watched.list_violations() == []
    watched.picture(f"{name}-results")
