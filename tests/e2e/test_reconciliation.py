"""The Reconciliation API from a page of another origin, as OpenRefine's is, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.shop import Shop, run_shop

pytestmark = pytest.mark.browser

JAKE = "nm90011918"
# OpenRefine asks with jQuery: for JSON by fetch's older brother, for JSONP by a script.
ASK = """async (url) => (await fetch(url)).json()"""
POST = """async ([url, queries]) => {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams({ queries }) });
  return [await response.json(), response.headers.get("Marquee-Generation")];
}"""
LOAD = """(url) => new Promise((done, fail) => {
  window.heard = done;
  const script = document.createElement("script");
  script.onerror = fail;
  script.src = url;
  document.head.append(script);
})"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with run_shop() as shop:
        yield shop


@pytest.fixture
def page(chromium: Browser, shop: Shop) -> Iterator[Page]:
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(shop.write_page("", ""))
    yield page
    context.close()


def test_a_page_of_another_origin_asks_and_reads(page: Page, service_url: str) -> None:
    origin = service_url.rstrip("/")
    manifest = page.evaluate(ASK, f"{origin}/reconcile")
    entity = manifest["suggest"]["entity"]
    suggested = page.evaluate(ASK, f"{entity['service_url']}{entity['service_path']}?prefix=jake+gyl")
    assert suggested["result"][0]["id"] == JAKE
    answer, generation = page.evaluate(POST, [f"{origin}/reconcile", '{"q0":{"query":"jake gylenhal"}}'])
    assert answer["q0"]["result"][0]["id"] == JAKE
    assert generation, "the headers can be read, too"
    draft = {"queries": [{"conditions": [{"matchType": "name", "propertyValue": "jake gylenhal"}]}]}
    matched: Any = page.evaluate(
        """async ([url, body]) => {
          const headers = { "Content-Type": "application/json" };  // so that the browser asks leave before
          return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json();
        }""",
        [f"{origin}/reconcile/v1/match", draft],
    )
    assert matched["results"][0]["candidates"][0]["id"] == JAKE


def test_a_page_of_another_origin_loads_an_answer_as_a_script(page: Page, service_url: str) -> None:
    heard = page.evaluate(LOAD, f"{service_url}/reconcile/suggest/property?prefix=bir&callback=heard")
    assert [each["id"] for each in heard["result"]] == ["birth_year"]


def test_a_preview_shows_in_a_frame_that_may_do_nothing(page: Page, service_url: str) -> None:
    manifest = page.evaluate(ASK, f"{service_url}/reconcile")
    preview = manifest["preview"]
    page.evaluate(
        """({ url, width, height }) => {
          const frame = Object.assign(document.createElement("iframe"), { src: url, width, height });
          frame.setAttribute("sandbox", "");
          document.body.append(frame);
        }""",
        {**preview, "url": preview["url"].replace("{{id}}", JAKE)},
    )
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Jake Gyllenhaal")).to_be_visible()
    expect(frame.get_by_text("The Covenant (2023)")).to_be_visible()
    expect(frame.locator("body")).to_have_css("padding-left", "14.4px")  # its style is let through
    (inner,) = [each for each in page.frames if each.parent_frame]
    height = inner.locator("main").evaluate("(main) => main.getBoundingClientRect().bottom")
    assert height <= preview["height"], "nothing is cut off"


def test_nothing_else_shows_in_a_frame(page: Page, service_url: str) -> None:
    page.evaluate(
        """(url) => document.body.append(Object.assign(document.createElement("iframe"), { src: url }))""",
        f"{service_url}/",
    )
    page.wait_for_load_state("networkidle")
    assert [each.url for each in page.frames if each.parent_frame] == ["chrome-error://chromewebdata/"]
