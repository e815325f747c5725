"""A real Chromium, and what is watched of every page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

CHROMIUM_ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 360, "height": 740}

# Set before anything of a page runs. Shifts that follow an input count as well: a list must move nothing.
NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries()))
  .observe({ type: "layout-shift", buffered: true });
"""

# WCAG 2.2, 1.4.3: the contrast of every visible text with the nearest opaque background behind it.
POOR_CONTRAST = """() => {
  const parts = (color) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((each) => each / 255)
      .map((each) => (each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) {
      const color = getComputedStyle(each).backgroundColor;
      if (parts(color)[3] === 255) return color;
    }
    return "white";
  };
  function* within(root) {
    for (const element of root.querySelectorAll("*")) {
      yield element;
      if (element.shadowRoot) yield* within(element.shadowRoot);
    }
  }
  const poor = [];
  for (const element of within(document.body)) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !element.checkVisibility() || element.closest("noscript")) continue;
    const style = getComputedStyle(element);
    const [low, high] = [light(style.color), light(behind(element))].sort((a, b) => a - b);
    const ratio = (high + .05) / (low + .05);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(`${element.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, or what MARQUEE_CHROMIUM names; raises FileNotFoundError without one."""
    executable = os.environ.get("MARQUEE_CHROMIUM") or shutil.which("chromium")
    if not executable:
        raise FileNotFoundError("no Chromium: install Debian's `chromium`, or point MARQUEE_CHROMIUM at one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


class Watched:
    """A page, and what went wrong on it or left its origin."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def open(self, query: str | None = None) -> Page:
        self.page.goto(self.origin + "/" + (f"?q={query.replace(' ', '+')}" if query else ""))
        return self.page

    def list_violations(self) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 and its best practices, in a line each."""
        # The size of targets is in WCAG 2.2, but axe-core looks at it only where it is told to.
        options = {"rules": {"target-size": {"enabled": True}}}
        found: list[dict[str, Any]] = Axe().run(self.page, options=options).response["violations"]
        return [f"{each['id']}: {', '.join(str(node['target']) for node in each['nodes'])}" for each in found]

    def picture(self, name: str) -> None:
        """Keep a picture of the page as it is in the folder MARQUEE_SCREENSHOTS, where that is set."""
        if folder := os.environ.get("MARQUEE_SCREENSHOTS"):
            # A caret that blinks, and a transition under way, make no two pictures equal.
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, animations="disabled")

    def _hear(self, message: ConsoleMessage) -> None:
        # Chromium itself reports every answer that is not a success; the tests of those cause them.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _see(self, url: str) -> None:
        if not url.startswith(self.origin + "/"):
            self.foreign.append(url)
