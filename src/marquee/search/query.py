"""The bodies sent to Elasticsearch. Pure: a key in, JSON out.

A search asks by several routes at once, because a hard name's misspelling shares with it now the spelling
within two edits, now only some letters, now only the sound; candidate recall@100 of the three on such names
is .35, .66 and .89, of their union .98 (design.md, 6). `rank` puts what they find in order.
"""

from __future__ import annotations

from typing import Any

from marquee import names
from marquee.catalog.documents import Actor, Title, fields_of

Json = dict[str, Any]

CANDIDATES_PER_ROUTE = 50
GRAMS_TO_SHARE = "30%"
# Popularity is added, never multiplied, and smaller than one matching token (which scores 1).
POPULARITY_WEIGHT = 0.5

ACTOR_FIELDS = fields_of(Actor)
TITLE_FIELDS = fields_of(Title)


def build_search(key: str, professions: tuple[str, ...] = ()) -> dict[str, Json]:
    """Return one search body for each route to candidates: exact, fuzzy, grams, sounds.

    `key` is a normalised name; a route the key has nothing for (digits have no sound) is left out.
    """
    tokens = _distinct(key)
    routes = {"exact": _exact(key, tokens), "fuzzy": _fuzzy(tokens), "grams": _grams(tokens)}
    if sounds := _sounds(tokens):
        routes["sounds"] = sounds
    filters = [{"terms": {"professions": list(professions)}}] if professions else []
    return {route: _body(query, filters, CANDIDATES_PER_ROUTE) for route, query in routes.items()}


def build_suggest(key: str, size: int) -> dict[str, Json]:
    """Return one search body for each route to completions: prefix, and fuzzy prefix."""
    tokens = _distinct(key)
    text = " ".join(tokens)
    prefix: Json = {"match": {"name_key.prefix": {"query": text, "operator": "and"}}}
    joined: Json = {"prefix": {"name_joined": {"value": key.replace(" ", "")}}}
    fuzzy: Json = {
        "match": {
            "name_key.prefix": {
                "query": text, "operator": "and", "fuzziness": "AUTO", "max_expansions": 30
            }
        }
    }  # fmt: skip
    routes = {
        "prefix": _popular_first({"constant_score": {"filter": {"bool": {"should": [prefix, joined]}}}}),
        "fuzzy": _popular_first({"constant_score": {"filter": fuzzy}}),
    }
    return {route: _body(query, [], size) for route, query in routes.items()}


def build_title_search(key: str) -> dict[str, Json]:
    """Return one search body for each route to titles: all words, the last one unfinished; and fuzzy."""
    text = " ".join(_distinct(key))
    fields = ["title_key", "original_key"]
    words: Json = {"multi_match": {"query": text, "fields": [*fields, "title_key.prefix"], "operator": "and"}}
    # Half of the words are enough: people leave out "the", and miss a word by more than two letters.
    fuzzy: Json = {
        "multi_match": {
            "query": text, "fields": fields, "fuzziness": "AUTO", "minimum_should_match": "50%"
        }
    }  # fmt: skip
    routes = {"words": _popular_first({"constant_score": {"filter": words}}), "fuzzy": _popular_first(fuzzy)}
    return {
        route: {**_body(query, [], CANDIDATES_PER_ROUTE), "_source": TITLE_FIELDS}
        for route, query in routes.items()
    }


def _distinct(key: str) -> list[str]:
    """Return each word once: a name repeated twenty times asks for no more than the name."""
    return list(dict.fromkeys(key.split()))


def _body(query: Json, filters: list[Json], size: int) -> Json:
    return {
        "query": {"bool": {"must": [query], "filter": filters}} if filters else query,
        "size": size,
        "_source": ACTOR_FIELDS,
        "track_total_hits": False,
    }


def _exact(key: str, tokens: list[str]) -> Json:
    """All words as typed, the popular first: the cheap route, and the only one that ranks by popularity."""
    joined: Json = {"constant_score": {"filter": {"term": {"name_joined": key.replace(" ", "")}}, "boost": 2}}
    words: Json = {"match": {"name_key": {"query": " ".join(tokens), "operator": "and"}}}
    return _popular_first({"dis_max": {"queries": [joined, {"constant_score": {"filter": words}}]}})


def _fuzzy(tokens: list[str]) -> Json:
    return {"match": {"name_key": {"query": " ".join(tokens), "fuzziness": "AUTO"}}}


def _grams(tokens: list[str]) -> Json:
    # One clause per gram: in a `match` on a gram filter's output, minimum_should_match is silently ignored.
    grams = dict.fromkeys(gram for token in tokens for gram in names.grams(token))
    return {
        "bool": {
            "should": [{"term": {"name_grams": gram}} for gram in grams],
            "minimum_should_match": GRAMS_TO_SHARE,
        }
    }


def _sounds(tokens: list[str]) -> Json | None:
    codes = dict.fromkeys(code for token in tokens for code in names.sounds(token)[:1])
    # A code of two letters with one edit is nearly any code.
    clauses: list[Json] = [
        {"fuzzy": {"name_sounds": {"value": code, "fuzziness": 1 if len(code) > 2 else 0}}} for code in codes
    ]
    return {"bool": {"should": clauses}} if clauses else None


def _popular_first(query: Json) -> Json:
    return {
        "function_score": {
            "query": query,
            "field_value_factor": {"field": "popularity", "factor": POPULARITY_WEIGHT, "missing": 0},
            "boost_mode": "sum",
        }
    }
