"""The preview of a person: a small page that other people's pages show in a frame. Pure."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape

from marquee.catalog.documents import Actor
from marquee.search.reconciliation import describe_life

WIDTH_PX, HEIGHT_PX = 400, 240
"""What the manifest says a preview takes: a name on two lines, and four titles."""

STYLE = """
:root { color-scheme: light dark; font: 0.9rem/1.4 system-ui, sans-serif; }
body { margin: 0; padding: 0.75rem 1rem; }
h1 { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
p { margin: 0.15rem 0 0.5rem; }
ul { margin: 0; padding-left: 1.1rem; }
"""
STYLE_SOURCE = f"'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
"""For the Content-Security-Policy: this style and no other."""

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}</title><style>{style}</style></head>
<body>
<main>
<h1 dir="auto">{name}</h1>
<p>{summary}</p>
{titles}<p><a href="/?person={nconst}" target="_blank">{nconst}</a></p>
</main>
</body>
</html>
"""


def render(actor: Actor) -> str:
    """Return the page of a person; all that comes from the data is escaped."""
    summary = [
        describe_life(actor.birth_year, actor.death_year),
        ", ".join(each.replace("_", " ") for each in actor.professions),
        f"{actor.credits_count} credits" if actor.credits_count else "",
    ]
    titles = "".join(
        f'<li dir="auto">{escape(each.title)}{f" ({each.year})" if each.year else ""}</li>'
        for each in actor.known_for
    )
    return _PAGE.format(
        name=escape(actor.name),
        style=STYLE,
        summary=escape(" · ".join(part for part in summary if part)),
        titles=f"<p>Known for</p>\n<ul>{titles}</ul>\n" if titles else "",
        nconst=escape(actor.nconst),
    )
