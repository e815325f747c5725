"""From keystroke to painted suggestions, in a real browser: the element on a page of the service.

    python -m benchmarks.widget                 # 60,000 synthetic people
    python -m benchmarks.widget --quick

Names are typed letter by letter into the element, with one slip in half of them, at the pace of a quick
typist. For each keystroke the time runs from the `input` event (its own timestamp, which is that of the key)
to the first moment after the paint that shows the answer: an animation frame after the list has changed, and
a message after that frame. The debounce, set to 0 here, is what a page chooses to wait on top of it. The
service has no cache. *Layout shift* is the sum over the whole run, those after an input included.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from playwright.sync_api import Page

from benchmarks.error_model import slip, type_plainly
from benchmarks.processes import environ_for, index_synthetic, remove_indexes, run_service
from benchmarks.runner import OUT, print_header, quantile
from marquee.engine.cluster import Cluster, Endpoint
from marquee.engine.endpoint import open_endpoint
from marquee.settings import read_settings
from tests.browser import run_chromium

PREFIX = "benchmark-widget"
PROMISE_MS = 50
PACE_MS = 120
"""Between two letters: 100 words a minute."""

_PAGE = """
<!doctype html><html lang="en"><title>Widget</title><main>
<marquee-autocomplete label="Actor" debounce="0"></marquee-autocomplete>
<p>What the list lies over.</p></main></html>
"""
_WATCH = """() => {
  window.painted = [];
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) window.shift += value;
  }).observe({ type: "layout-shift" });
  const { shadowRoot } = document.querySelector("marquee-autocomplete");
  let typedAt = null;
  shadowRoot.querySelector("input").addEventListener("input", (event) => { typedAt = event.timeStamp; });
  new MutationObserver(() => {
    const from = typedAt;
    typedAt = null;
    if (from === null || !shadowRoot.querySelector("[role=option]")) return;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => painted.push(performance.now() - from);
      port2.postMessage(null);
    });
  }).observe(shadowRoot.querySelector("[role=listbox]"), { childList: true });
}"""


async def pick_names(cluster: Cluster, number: int) -> list[str]:
    """Return names as people type them, every other with a slip: of the most and of the least popular."""
    names: list[str] = []
    for order in ("desc", "asc"):
        body = {"size": number // 2, "sort": [{"popularity": order}], "_source": ["name"]}
        found = await cluster.request("POST", f"/{PREFIX}-actors/_search", body=body)
        names += [hit["_source"]["name"] for hit in found["hits"]["hits"]]
    rng = Random(1)
    plain = [type_plainly(name) for name in names]
    return [slip(name, rng) or name if place % 2 else name for place, name in enumerate(plain)]


def type_names(page: Page, names: Sequence[str]) -> tuple[list[float], int]:
    """Type each name; return the ms from each keystroke to its suggestions, and the number of keys."""
    box = page.get_by_role("combobox")
    for name in names:
        box.fill("")
        box.press_sequentially(name, delay=PACE_MS)
        page.wait_for_timeout(200)
    painted: list[float] = page.evaluate("painted.splice(0)")
    return painted, sum(map(len, names))


def measure(url: str, names: Sequence[str], rounds: int) -> None:
    """Print the figures of each round, after one that warms up."""
    with run_chromium() as browser:
        page = browser.new_page()
        page.route(f"{url}/widget-page", lambda route: route.fulfill(content_type="text/html", body=_PAGE))
        page.goto(f"{url}/widget-page")
        page.add_script_tag(url=f"{url}/widget.js", type="module")
        page.locator("marquee-autocomplete input").wait_for()
        page.evaluate(_WATCH)
        type_names(page, names[:3])
        medians, all_ms, keys = [], list[float](), 0
        for _ in range(rounds):
            took_ms, pressed = type_names(page, names)
            medians.append(statistics.median(took_ms))
            all_ms += took_ms
            keys += pressed
        shift = page.evaluate("shift")
        OUT.print(
            f"keystroke to paint, {len(all_ms)} of {keys} keystrokes (others found nobody or were overtaken):"
        )
        OUT.print(
            f"median {statistics.median(all_ms):.1f} ms (promise: at most {PROMISE_MS}), p95 "
            f"{quantile(all_ms, 0.95):.1f}, max {max(all_ms):.1f}; "
            f"medians of {rounds} rounds {min(medians):.1f} to {max(medians):.1f}"
        )
        OUT.print(f"cumulative layout shift {shift:.4f}; Chromium {browser.version}", highlight=False)


async def prepare(
    endpoint: Endpoint, environ: dict[str, str], folder: Path, people: int, number: int
) -> list[str]:
    async with Cluster(endpoint) as cluster:
        version = await cluster.version()
        print_header("From keystroke to painted suggestions", f"{people:,} synthetic people", version)
        await index_synthetic(cluster, environ, folder, people)
        return await pick_names(cluster, number)


async def clean(endpoint: Endpoint) -> None:
    async with Cluster(endpoint) as cluster:
        await remove_indexes(cluster, PREFIX)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--names", type=int, default=20, help="Names typed in a round (default 20).")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="10,000 people, 10 names, one round.")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.people, arguments.names, arguments.rounds = 10_000, 10, 1
    settings, _ = read_settings()
    with tempfile.TemporaryDirectory() as work, open_endpoint(settings) as endpoint:
        environ = environ_for(endpoint, PREFIX, Path(work), MARQUEE_CACHE_SIZE_MB="0")
        try:
            names = asyncio.run(
                prepare(endpoint, environ, Path(work) / "files", arguments.people, arguments.names)
            )
            with run_service(environ) as url:
                measure(url, names, arguments.rounds)
        finally:
            asyncio.run(clean(endpoint))


if __name__ == "__main__":
    main()
