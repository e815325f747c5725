"""Short and long forms of first names, from the hand-curated list of the package `nicknames` (Apache-2.0)."""

from __future__ import annotations

from functools import cache, lru_cache

from nicknames import NickNamer


@cache
def _list() -> NickNamer:
    return NickNamer()


@lru_cache(maxsize=16384)
def find_forms(token: str) -> frozenset[str]:
    """Return the other forms of a first name: "bob" → {"robert"}, "robert" → {"bob", "bobby", "rob", …}."""
    forms = _list().canonicals_of(token) | _list().nicknames_of(token)
    # a form of several words ("mary jane") is no token
    return frozenset(form for form in forms if form.isalpha() and form != token)
