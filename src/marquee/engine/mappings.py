"""The index definitions of `index_mappings/`: settings, mappings and their version."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

Kind = Literal["actors", "titles", "tokens"]
KINDS: tuple[Kind, ...] = ("actors", "titles", "tokens")

# Part of every generation's id. A released mapping never changes; a new one gets a new number and new files.
MAPPING_VERSION = 1
READABLE_VERSIONS = frozenset({1})
"""Versions of generations that this release can search."""
OPERATIONS_VERSION = 1

_PACKAGED = Path(__file__).parents[1] / "index_mappings"  # in an installed wheel
_CHECKOUT = Path(__file__).parents[3] / "index_mappings"  # in an editable install


def mapping_path(kind: Kind | Literal["operations"], version: int = MAPPING_VERSION) -> Path:
    """Return the file that defines the index of `kind` at `version`."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return folder / f"{kind}.v{version}.json"


def read_mapping(kind: Kind | Literal["operations"], version: int = MAPPING_VERSION) -> dict[str, Any]:
    """Return the definition of an index: `{"settings": …, "mappings": …}` as Elasticsearch takes it."""
    definition: dict[str, Any] = msgspec.json.decode(mapping_path(kind, version).read_bytes())
    return definition
