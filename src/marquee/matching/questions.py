"""What a row asks: a name that can be searched for, a year, titles; or why it cannot be asked. Pure."""

from __future__ import annotations

import re

import msgspec

from marquee.matching.columns import Fields, Outcome
from marquee.search.request import MAX_TITLES, MAX_TYPED, MatchQuery, find_fault, make_key

_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked for, and which of the hints were not understood. Equal questions have equal answers."""

    key: str
    name: str
    born: int | None
    titles: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells it from others: however the name is written, its key counts."""
        return self.key, self.born, self.titles, self.ignored

    def ask(self, label: str) -> MatchQuery:
        """Return it as a query of a match."""
        return MatchQuery(id=label, name=self.name, born=self.born, title=self.titles or None)


def understand(fields: Fields) -> Question | Outcome:
    """Return what a row asks, or what becomes of it because it asks nothing."""
    name = fields.name
    if isinstance(name, int | float) and not isinstance(name, bool):
        name = str(name)  # 50 Cent, as a spreadsheet keeps him
    if name is None:
        return Outcome(reason="empty")
    if not isinstance(name, str):
        return Outcome(reason="is no text")
    name = name.strip()
    if not name:
        return Outcome(reason="empty")
    if len(name) > MAX_TYPED:
        return Outcome(reason=f"has more than {MAX_TYPED} characters")
    if fault := find_fault(name):
        return Outcome(reason=fault)
    born, is_born_odd = _read_year(fields.born)
    titles, is_title_odd = _read_titles(fields.title)
    ignored = (("born",) if is_born_odd else ()) + (("title",) if is_title_odd else ())
    return Question(key=make_key(name), name=name, born=born, titles=titles, ignored=ignored)


def _read_year(value: object) -> tuple[int | None, bool]:
    """Return the year in a cell ("1980", "1980-12-19", "c. 1980", 1980.0), or none, and whether it
    is there and cannot be read."""
    if value is None or value == "" or (isinstance(value, str) and value.strip() in ("", "\\N")):
        return None, False
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_year = 0 <= value <= 9999 and value == int(value)
        return (int(value), False) if is_year else (None, True)
    found = _YEAR.search(value) if isinstance(value, str) else None
    return (int(found[0]), False) if found else (None, True)


def _read_titles(value: object) -> tuple[tuple[str, ...], bool]:
    """Return the titles in a cell, and whether something is there that is none."""
    cells = value if isinstance(value, list | tuple) else [value]
    given = [cell for cell in cells if cell is not None and cell != ""]
    titles = [cell.strip() for cell in given if isinstance(cell, str)]
    usable = [title for title in titles if title and title != "\\N" and len(title) <= MAX_TYPED][:MAX_TITLES]
    is_odd = len(titles) < len(given) or any(len(title) > MAX_TYPED for title in titles)
    return tuple(usable), is_odd
