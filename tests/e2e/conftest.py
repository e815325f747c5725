"""Fixtures of the tests in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import PHONE, Watched, run_chromium


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        with run_chromium() as browser:
            yield browser
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(params=["desktop"])
def watched(request: pytest.FixtureRequest, chromium: Browser, service_url: str) -> Iterator[Watched]:
    origin = service_url.rstrip("/")
    if request.param == "phone":
        context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    else:
        context = chromium.new_context(color_scheme="dark" if request.param == "dark" else "light")
    context.set_default_timeout(10_000)
    page = Watched(context.new_page(), origin)
    yield page
    context.close()
    assert page.errors == []
    assert page.foreign == [], "everything the page needs comes from the service itself"
