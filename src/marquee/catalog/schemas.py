"""The columns of the rows between the stages of an assembly."""

from __future__ import annotations

import polars as pl

_ID, _TEXT, _TEXTS, _SMALL = pl.Int64(), pl.String(), pl.List(pl.String()), pl.Int32()

PERSON = pl.Schema(
    {
        "nconst": _ID,
        "row": pl.Int64(),
        "name": _TEXT,
        "birth_year": _SMALL,
        "death_year": _SMALL,
        "professions": _TEXTS,
    }
)
"""A person as in the file; `row` tells the rows of a duplicated id apart."""

REFERENCE = pl.Schema({"nconst": _ID, "row": pl.Int64(), "position": _SMALL, "tconst": _ID})
"""A reference from a person to a title they are known for; `row` and `position`: where it stood."""

TITLE = pl.Schema(
    {
        "tconst": _ID,
        "title_type": _TEXT,
        "title": _TEXT,
        "original_title": _TEXT,
        "is_adult": pl.Boolean(),
        "year": _SMALL,
        "end_year": _SMALL,
        "runtime_minutes": _SMALL,
        "genres": _TEXTS,
    }
)
"""A title as in the file."""

RATING = pl.Schema({"tconst": _ID, "rating": pl.Float64(), "votes": _SMALL})
"""A rating as in the file."""

PRINCIPAL = pl.Schema(
    {"tconst": _ID, "nconst": _ID, "ordering": _SMALL, "category": _TEXT, "characters": _TEXT}
)
"""A principal as in the file; `characters` is a JSON array of strings."""

RATED = pl.Schema(
    {
        "tconst": _ID,
        "title": _TEXT,
        "original_title": _TEXT,
        "title_type": _TEXT,
        "year": _SMALL,
        "end_year": _SMALL,
        "runtime_minutes": _SMALL,
        "genres": _TEXTS,
        "rating": pl.Float64(),
        "votes": pl.Int64(),
    }
)
"""An indexed title with its rating; `votes` is null where there is none."""

CREDIT = pl.Schema(
    {
        "nconst": _ID,
        "tconst": _ID,
        "ordering": _SMALL,
        "year": _SMALL,
        "votes": pl.Int64(),
        "is_acting": pl.Boolean(),
        "is_archive": pl.Boolean(),
        "in_cast": pl.Boolean(),
        "title_json": _TEXT,
        "role_json": _TEXT,
    }
)
"""A principal with its title's data. `votes`: what the title counts for the person; `is_acting`,
`is_archive`: what its category says; `in_cast`: whether the title is indexed and so shows its cast;
`title_json`, `role_json`: the values of a `documents.Credit`."""

KNOWN_FOR = pl.Schema(
    {
        "nconst": _ID,
        "row": pl.Int64(),
        "position": _SMALL,
        "tconst": _ID,
        "votes": pl.Int64(),
        "known_for": _TEXT,
    }
)
"""A reference with its title's data; `known_for`: a `documents.KnownFor` as JSON."""

CAST = pl.Schema({"tconst": _ID, "ordering": _SMALL, "nconst": _ID, "cast": _TEXT})
"""A cast entry of an indexed title; `cast`: the values of a `documents.CastEntry` as JSON."""
