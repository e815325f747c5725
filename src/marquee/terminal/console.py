"""The two streams, and what is said on them in lines."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from marquee.catalog.sources import IMDB_ATTRIBUTION

# Answers go to standard output, everything about how they came to be to standard error.
OUT = Console()
ERR = Console(stderr=True)


def show_welcome(
    address: tuple[str, int],
    generation: str | None = None,
    counts: Mapping[str, int] | None = None,
    admin_token: str = "",
) -> None:
    """Print where to look."""
    host, port = address[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    url = f"http://{shown}:{port}"
    lines = [f"[bold]Marquee[/] is up: [link={url}/]{url}/[/link]"]
    if generation and counts:
        held = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        lines.append(f"[dim]{generation}: {held}[/]")
    lines.append(f"try  [cyan]curl '{url}/v1/actors/search?q=jake+gylenhal'[/]")
    if admin_token:
        lines.append(f"admin token (for this start): [bold]{admin_token}[/]")
    lines.append(f"console  {url}/ops    API  {url}/schema    end with Ctrl-C")
    # Printed whole, whatever the width: people copy the address.
    for line in lines:
        OUT.print(line, highlight=False, soft_wrap=True)
    OUT.file.flush()


def show_terms() -> None:
    """Print IMDb's terms."""
    ERR.print(
        "IMDb's files are for personal and non-commercial use, and whatever shows their data has to say:\n"
        f"[italic]{IMDB_ATTRIBUTION}[/]\n"
        "The terms: https://developer.imdb.com/non-commercial-datasets/",
        highlight=False,
    )


def show_error(message: str) -> None:
    """Print an error as one line."""
    ERR.print(Text.assemble(("error: ", "bold red"), " ".join(message.split())), soft_wrap=True)


def show_warning(message: str) -> None:
    """Print a warning as one line."""
    ERR.print(Text.assemble(("warning: ", "bold yellow"), " ".join(message.split())), soft_wrap=True)
