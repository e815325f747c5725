"""The files that pages are made of, as they are served."""

from __future__ import annotations

import gzip
import re

import pytest
from litestar.testing import TestClient

from marquee.api.app import create_app
from marquee.api.pages import STATIC
from marquee.engine.cluster import Endpoint
from marquee.settings import read_settings

MARKUP = r"innerHTML|insertAdjacentHTML|outerHTML|setHTML|document\.write"
WIDGET = STATIC / "widget.js"


def test_the_element_is_small_and_depends_on_nothing() -> None:
    assert len(gzip.compress(WIDGET.read_bytes())) < 10_000
    text = WIDGET.read_text()
    assert not re.search(r"^\s*import\b|\bimport\(", text, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.glob("*.js")))
def test_no_script_makes_markup_of_text(name: str) -> None:
    assert not re.search(MARKUP, (STATIC / name).read_text())


def test_the_element_is_a_module_that_is_asked_for_again_when_it_changes() -> None:
    settings = read_settings({})[0]
    with TestClient(create_app(settings, Endpoint(urls=("http://127.0.0.1:1",)))) as client:
        answer = client.get("/widget.js")
        assert answer.status_code == 200
        assert answer.content == WIDGET.read_bytes()
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=300"
        etag = answer.headers["etag"]
        for known in (etag, f'"other", W/{etag}'):
            again = client.get("/widget.js", headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert client.get("/widget.js", headers={"If-None-Match": '"other"'}).status_code == 200
