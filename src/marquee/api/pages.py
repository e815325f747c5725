"""What people look at: the pages, from files of the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from litestar import MediaType, Response, get

STATIC = Path(str(files("marquee.api"))) / "static"


@get("/", include_in_schema=False, media_type=MediaType.HTML)
async def demo() -> Response[bytes]:
    """The demo page."""
    return Response((STATIC / "demo.html").read_bytes(), media_type=MediaType.HTML)


@get("/ops", include_in_schema=False, media_type=MediaType.HTML)
async def console() -> Response[bytes]:
    """The console of who operates it. Anybody may open it: what it shows takes an admin token."""
    return Response((STATIC / "ops.html").read_bytes(), media_type=MediaType.HTML)


@get("/favicon.ico", include_in_schema=False)
async def favicon() -> Response[bytes]:
    """The icon browsers ask for by themselves."""
    return Response((STATIC / "favicon.svg").read_bytes(), media_type="image/svg+xml")


PAGES = (demo, console, favicon)
