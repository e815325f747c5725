"""The bodies sent to Elasticsearch. Pure: keys and expansions in, JSON out.

A search makes an effort only where it is needed:

1. `build_search`: names with the very words or letters, and those one letter away. For most of what people
   type this is the end; measured on a million people, half of the time of one `match` with fuzziness AUTO.
2. `build_expansion`: what a misspelt word may stand for, among the distinct tokens of all names. A hard
   name's misspelling shares with it now most of its letters, now only the sound: the token meant is among the
   first 100 by grams for 75 % of such words, by sounds for 89 %, by skeleton for 28 %, by any for 98 %.
3. `build_names`: who bears those tokens.

`rank` puts what they find in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marquee import names
from marquee.catalog.documents import Actor, Title, Token, fields_of
from marquee.search.expansion import Expansion
from marquee.search.suggest import Completed

Json = dict[str, Any]

CANDIDATES_PER_ROUTE = 50
MAX_BEARERS = 100
"""Candidates with the very words of the query: the window that can be asked for."""
MAX_HINTED_BEARERS = 500
"""The same where something else is known of who is meant, who may be the least popular of four hundred of
that name. (The year of birth and the titles are not indexed.)"""
TOKENS_PER_ROUTE = 100
GRAMS_TO_SHARE = "30%"
# Popularity is added, never multiplied. Of tokens it decides which are worth a look, on the scale of BM25
# over a handful of grams; of names it stays below one matching token.
TOKEN_POPULARITY_WEIGHT = 5.0
POPULARITY_WEIGHT = 0.25
TITLE_POPULARITY_WEIGHT = 0.5
NEAREST_TOKENS = 8
"""Tokens a single word may stand for whose bearers are each looked up on their own, so that the bearers of a
common token don't crowd out the others."""
BEARERS_PER_TOKEN = 3

SPARE_COMPLETIONS = 6
"""A name may be found twice, by two of its tokens."""
MISTYPED_COMPLETIONS = 40
MIN_FUZZY_LETTERS = 3

ACTOR_FIELDS = fields_of(Actor)
SUGGEST_FIELDS = fields_of(Completed)
TITLE_FIELDS = fields_of(Title)
TOKEN_FIELDS = fields_of(Token)


def build_search(key: str, professions: tuple[str, ...] = (), *, has_hints: bool = False) -> dict[str, Json]:
    """Return the bodies of the cheap routes: exact, and near (one letter in the whole name)."""
    joined = key.replace(" ", "")
    words = " ".join(_distinct(key))
    same: Json = {"constant_score": {"filter": {"term": {"name_joined": joined}}, "boost": 2}}
    all_words: Json = {"match": {"name_key": {"query": words, "operator": "and"}}}
    queries: list[Json] = [same, {"constant_score": {"filter": all_words}}]
    if " " in key:  # the last word may be unfinished
        queries.append({"constant_score": {"filter": _all_prefixes(key), "boost": 0.5}})
    exact: Json = {"dis_max": {"queries": queries}}
    size = MAX_HINTED_BEARERS if has_hints else MAX_BEARERS
    routes = {"exact": _people(_popular_first(exact), professions, size)}
    # Among the names one letter from "lee" there is no telling who is meant.
    if len(joined) > 3:
        near: Json = {
            "fuzzy": {"name_joined": {"value": joined, "fuzziness": 1, "rewrite": "constant_score"}}
        }
        routes["near"] = _people(_popular_first(near), professions, CANDIDATES_PER_ROUTE)
    return routes


def build_expansion(word: str) -> dict[str, Json]:
    """Return one body for each route from a word to the tokens it may stand for: grams, sounds, skeleton."""
    # One clause per gram, since each has its own weight: the rarer, the more it tells.
    grams: list[Json] = [{"term": {"grams": gram}} for gram in names.grams(word)]
    by_route: dict[str, Json] = {
        "grams": {"bool": {"should": grams, "minimum_should_match": GRAMS_TO_SHARE}},
        "skeleton": {"term": {"skeleton": names.skeleton(names.respell(word))}},
    }
    if codes := names.sounds(word):
        # A code of two letters with one edit is nearly any code.
        edits = 1 if len(codes[0]) > 2 else 0
        by_route["sounds"] = {"fuzzy": {"sounds": {"value": codes[0], "fuzziness": edits}}}
    return {
        route: _body(_popular_first(query, TOKEN_POPULARITY_WEIGHT), TOKENS_PER_ROUTE, TOKEN_FIELDS)
        for route, query in by_route.items()
    }


def build_names(
    words: Sequence[str], expansions: Mapping[str, Sequence[Expansion]], professions: tuple[str, ...] = ()
) -> dict[str, Json]:
    """Return the bodies that find who bears the tokens that the words may stand for.

    Args:
        words: of the query.
        expansions: of each word, and of neighbouring words joined.
        professions: as of the request.
    """
    if len(words) == 1:
        return _names_of_one_word(words[0], expansions[words[0]], professions)
    letters = sum(map(len, words))
    clauses = [
        {"dis_max": {"queries": _bands(found, len(word) / letters)}}
        for word, found in expansions.items()
        if found
    ]
    if not clauses:
        return {}
    known = sum(bool(expansions[word]) for word in words)
    query: Json = {"bool": {"should": clauses, "minimum_should_match": max(1, known - 1)}}
    return {"tokens": _people(_popular_first(query), professions, CANDIDATES_PER_ROUTE)}


def _names_of_one_word(
    word: str, found: Sequence[Expansion], professions: tuple[str, ...]
) -> dict[str, Json]:
    # Two letters in the whole name: "jakegylenhal". Scored by distance, since that reads the least terms.
    joined: Json = {"fuzzy": {"name_joined": {"value": word, "fuzziness": "AUTO"}}}
    routes = {"joined": _people(joined, professions, CANDIDATES_PER_ROUTE)}
    for place, each in enumerate(found[:NEAREST_TOKENS]):
        query: Json = {"constant_score": {"filter": {"term": {"name_key": each.token}}}}
        routes[f"token {place + 1}"] = _people(_popular_first(query), professions, BEARERS_PER_TOKEN)
    if rest := found[NEAREST_TOKENS:]:
        query = {"dis_max": {"queries": _bands(rest, 1.0)}}
        routes["tokens"] = _people(_popular_first(query), professions, CANDIDATES_PER_ROUTE)
    return routes


def _bands(found: Sequence[Expansion], weight: float) -> list[Json]:
    """Return one clause for all tokens of about one likeness, which is its score, times `weight`."""
    bands: dict[float, list[str]] = {}
    for each in found:
        bands.setdefault(round(each.likeness * 20) / 20, []).append(each.token)
    return [
        {"constant_score": {"filter": {"terms": {"name_key": tokens}}, "boost": round(band * weight, 4)}}
        for band, tokens in bands.items()
    ]


def build_suggest(key: str, limit: int) -> Iterator[dict[str, Json]]:
    """Yield the bodies of the routes to completions, the cheap ones first, each to be asked only if needed.

    1. Names that go on like this: the most popular from the completion suggester, and whoever it leaves out
       in any order. Most keystrokes end here, at the cost of one query on edge n-grams.
    2. Names with one letter wrong, the first one included.
    3. A letter or two wrong in every word.
    """
    clean: Json = {"field": "name_completion", "size": limit + SPARE_COMPLETIONS}
    first: dict[str, Json] = {"completion": _completion(key, clean)}
    if len(key) >= MIN_FUZZY_LETTERS:  # shorter ones begin the names of so many that the suggester has enough
        first["prefix"] = _body({"constant_score": {"filter": _all_prefixes(key)}}, limit, SUGGEST_FIELDS)
    yield first
    slip: Json = {
        "field": "name_completion",
        "size": MISTYPED_COMPLETIONS,
        "fuzzy": {"fuzziness": 1, "prefix_length": 0, "min_length": MIN_FUZZY_LETTERS},
    }
    yield {"mistyped": _completion(key, slip)}
    fuzzy: Json = {"constant_score": {"filter": _all_prefixes(key, fuzziness="AUTO", max_expansions=50)}}
    yield {"fuzzy prefix": _body(_popular_first(fuzzy), CANDIDATES_PER_ROUTE, SUGGEST_FIELDS)}


def _completion(key: str, options: Json) -> Json:
    return {
        "suggest": {"names": {"prefix": key, "completion": options}},
        "size": 0,
        "_source": SUGGEST_FIELDS,
    }


def _all_prefixes(key: str, **options: Any) -> Json:
    return {"match": {"name_key.prefix": {"query": " ".join(_distinct(key)), "operator": "and", **options}}}


def build_popular(size: int, fields: Sequence[str]) -> Json:
    """Return the body for the most popular people, with these fields of theirs."""
    return {
        "query": {"match_all": {}},
        "sort": [{"popularity": "desc"}],
        "size": size,
        "_source": list(fields),
        "track_total_hits": False,
    }


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
    routes = {
        "words": _popular_first({"constant_score": {"filter": words}}, TITLE_POPULARITY_WEIGHT),
        "fuzzy": _popular_first(fuzzy, TITLE_POPULARITY_WEIGHT),
    }
    return {route: _body(query, CANDIDATES_PER_ROUTE, TITLE_FIELDS) for route, query in routes.items()}


def build_ids(ids: Sequence[str]) -> dict[str, Json]:
    """Return the body that finds people by id."""
    return {"id": _body({"ids": {"values": list(ids)}}, len(ids), ACTOR_FIELDS)}


def _distinct(key: str) -> list[str]:
    """Return each word once: a name repeated twenty times asks for no more than the name."""
    return list(dict.fromkeys(key.split()))


def _people(query: Json, professions: tuple[str, ...], size: int) -> Json:
    filters = [{"terms": {"professions": list(professions)}}] if professions else []
    return _body({"bool": {"must": [query], "filter": filters}} if filters else query, size, ACTOR_FIELDS)


def _body(query: Json, size: int, fields: list[str]) -> Json:
    return {"query": query, "size": size, "_source": fields, "track_total_hits": False}


def _popular_first(query: Json, weight: float = POPULARITY_WEIGHT) -> Json:
    return {
        "function_score": {
            "query": query,
            "field_value_factor": {"field": "popularity", "factor": weight, "missing": 0},
            "boost_mode": "sum",
        }
    }
