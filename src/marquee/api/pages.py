"""What people look at, and the element for other people's pages, from files of the package."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get

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


@get("/widget.js", include_in_schema=False)
async def widget(request: Request[Any, Any, Any]) -> Response[bytes | None]:
    """The autocomplete element, a module of its own address: pages that load it keep getting fixes."""
    body = (STATIC / "widget.js").read_bytes()
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if etag in request.headers.get("if-none-match", ""):  # also of several, and of a weak one
        return Response(None, status_code=304, headers=headers)
    return Response(body, media_type="text/javascript", headers=headers)


PAGES = (demo, console, favicon, widget)
