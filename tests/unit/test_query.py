"""Golden bodies: what a search sends is fixed here, so that a change of it is deliberate."""

from __future__ import annotations

from typing import Any

from marquee.search.expansion import Expansion
from marquee.search.query import (
    ACTOR_FIELDS,
    SUGGEST_FIELDS,
    TOKEN_FIELDS,
    build_expansion,
    build_names,
    build_search,
    build_suggest,
)


def popular(query: dict[str, Any], factor: float) -> dict[str, Any]:
    return {
        "function_score": {
            "query": query,
            "field_value_factor": {"field": "popularity", "factor": factor, "missing": 0},
            "boost_mode": "sum",
        }
    }


def body(query: dict[str, Any], size: int, fields: list[str] = ACTOR_FIELDS) -> dict[str, Any]:
    return {"query": query, "size": size, "_source": fields, "track_total_hits": False}


def test_search_bodies() -> None:
    joined = {"constant_score": {"filter": {"term": {"name_joined": "jakegy"}}, "boost": 2}}
    words = {"match": {"name_key": {"query": "jake gy", "operator": "and"}}}
    begun = {"match": {"name_key.prefix": {"query": "jake gy", "operator": "and"}}}
    unfinished = {"constant_score": {"filter": begun, "boost": 0.5}}
    exact = {"dis_max": {"queries": [joined, {"constant_score": {"filter": words}}, unfinished]}}
    near = {"fuzzy": {"name_joined": {"value": "jakegy", "fuzziness": 1, "rewrite": "constant_score"}}}
    assert build_search("jake gy") == {
        "exact": body(popular(exact, 0.25), 100),
        "near": body(popular(near, 0.25), 50),
    }


def test_who_is_known_by_more_than_the_name_may_be_one_of_many() -> None:
    assert build_search("john smith", has_hints=True)["exact"]["size"] == 500


def test_three_letters_are_near_to_too_many() -> None:
    assert list(build_search("lee")) == ["exact"]
    assert list(build_search("l ee")) == ["exact"]
    assert list(build_search("leeb")) == ["exact", "near"]


def test_expansion_bodies() -> None:
    grams = [{"term": {"grams": gram}} for gram in ("_ja", "jak", "ake", "ke_")]
    assert build_expansion("jake") == {
        "grams": body(
            popular({"bool": {"should": grams, "minimum_should_match": "30%"}}, 5.0), 100, TOKEN_FIELDS
        ),
        "skeleton": body(popular({"term": {"skeleton": "jak"}}, 5.0), 100, TOKEN_FIELDS),
        "sounds": body(
            popular({"fuzzy": {"sounds": {"value": "JK", "fuzziness": 0}}}, 5.0), 100, TOKEN_FIELDS
        ),
    }


def test_a_sound_of_three_letters_may_be_one_off() -> None:
    sounds = build_expansion("gyllenhaal")["sounds"]["query"]["function_score"]["query"]
    assert sounds == {"fuzzy": {"sounds": {"value": "KLNL", "fuzziness": 1}}}


def test_digits_have_no_sound_and_no_route_of_it() -> None:
    assert list(build_expansion("50")) == ["grams", "skeleton"]


def test_names_of_several_words_bear_all_but_one_of_the_tokens() -> None:
    expansions = {
        "jon": [Expansion("jon", 1.0), Expansion("john", 0.93), Expansion("jonn", 0.92)],
        "lee": [Expansion("lee", 1.0)],
        "jonlee": [],
    }
    query = {
        "bool": {
            "should": [
                {
                    "dis_max": {
                        "queries": [
                            {"constant_score": {"filter": {"terms": {"name_key": ["jon"]}}, "boost": 0.5}},
                            {
                                "constant_score": {
                                    "filter": {"terms": {"name_key": ["john"]}},
                                    "boost": 0.475,
                                }
                            },
                            {"constant_score": {"filter": {"terms": {"name_key": ["jonn"]}}, "boost": 0.45}},
                        ]
                    }
                },
                {
                    "dis_max": {
                        "queries": [
                            {"constant_score": {"filter": {"terms": {"name_key": ["lee"]}}, "boost": 0.5}}
                        ]
                    }
                },
            ],
            "minimum_should_match": 1,
        }
    }
    assert build_names(["jon", "lee"], expansions) == {"tokens": body(popular(query, 0.25), 50)}


def test_tokens_of_about_one_likeness_share_a_clause() -> None:
    expansions = {"jon": [Expansion("john", 0.91), Expansion("joan", 0.89)], "lee": []}
    should = build_names(["jon", "lee"], expansions)["tokens"]["query"]["function_score"]["query"]["bool"][
        "should"
    ]
    clause = {"constant_score": {"filter": {"terms": {"name_key": ["john", "joan"]}}, "boost": 0.45}}
    assert should == [{"dis_max": {"queries": [clause]}}]


def test_of_three_words_two_are_enough() -> None:
    expansions = {word: [Expansion(word, 1.0)] for word in ("ann", "bo", "cy")}
    query = build_names(["ann", "bo", "cy"], expansions)["tokens"]["query"]["function_score"]["query"]
    assert query["bool"]["minimum_should_match"] == 2


def test_words_that_stand_for_nothing_ask_for_nobody() -> None:
    assert build_names(["xqzw", "qqqq"], {"xqzw": [], "qqqq": []}) == {}


def test_bearers_of_each_of_the_nearest_tokens_of_a_single_word() -> None:
    found = [Expansion(f"token{number}", 0.9) for number in range(9)]
    bodies = build_names(["tokem"], {"tokem": found})
    assert list(bodies) == ["joined", *(f"token {place}" for place in range(1, 9)), "tokens"]
    joined = {"fuzzy": {"name_joined": {"value": "tokem", "fuzziness": "AUTO"}}}
    assert bodies["joined"] == body(joined, 50)
    first = {"constant_score": {"filter": {"term": {"name_key": "token0"}}}}
    assert bodies["token 1"] == body(popular(first, 0.25), 3)
    rest = {"constant_score": {"filter": {"terms": {"name_key": ["token8"]}}, "boost": 0.9}}
    assert bodies["tokens"] == body(popular({"dis_max": {"queries": [rest]}}, 0.25), 50)


def test_a_single_word_near_few_tokens_needs_no_route_for_the_rest() -> None:
    assert list(build_names(["jaek"], {"jaek": [Expansion("jake", 0.9)]})) == ["joined", "token 1"]


def test_documents_come_without_keys_and_credits() -> None:
    names = build_names(["jake"], {"jake": [Expansion("jake", 1.0)]})
    routes = [build_search("jake"), names, *build_suggest("jake", 8)]
    for each in (each for bodies in routes for each in bodies.values()):
        assert "name" in each["_source"]
        assert not {"name_key", "name_joined", "name_completion", "credits"} & set(each["_source"])


def test_professions_filter_every_route() -> None:
    wanted = ("actor", "producer")
    found = [Expansion(f"jake{number}", 0.9) for number in range(9)]
    routes = [
        build_search("jake gyllenhaal", wanted),
        build_names(["jake"], {"jake": found}, wanted),
        build_names(["jake", "lee"], {"jake": found, "lee": []}, wanted),
    ]
    for each in (each for bodies in routes for each in bodies.values()):
        assert each["query"]["bool"]["filter"] == [{"terms": {"professions": ["actor", "producer"]}}]


def test_a_repeated_word_is_asked_for_once() -> None:
    exact = build_search("jake jake gyllenhaal jake")["exact"]["query"]["function_score"]["query"]
    words = exact["dis_max"]["queries"][1]["constant_score"]["filter"]
    assert words == {"match": {"name_key": {"query": "jake gyllenhaal", "operator": "and"}}}


def completion(key: str, **options: Any) -> dict[str, Any]:
    asked = {"prefix": key, "completion": {"field": "name_completion", **options}}
    return {"suggest": {"names": asked}, "size": 0, "_source": SUGGEST_FIELDS}


def prefixes(words: str, **options: Any) -> dict[str, Any]:
    match = {"query": words, "operator": "and", **options}
    return {"constant_score": {"filter": {"match": {"name_key.prefix": match}}}}


def test_suggest_bodies() -> None:
    fuzzy = prefixes("de ni", fuzziness="AUTO", max_expansions=50)
    assert list(build_suggest("de ni", 8)) == [
        {
            "completion": completion("de ni", size=14),
            "prefix": body(prefixes("de ni"), 8, SUGGEST_FIELDS),
        },
        {
            "mistyped": completion(
                "de ni", size=40, fuzzy={"fuzziness": 1, "prefix_length": 0, "min_length": 3}
            )
        },
        {"fuzzy prefix": body(popular(fuzzy, 0.25), 50, SUGGEST_FIELDS)},
    ]


def test_two_letters_are_completed_by_the_suggester_alone() -> None:
    assert list(next(build_suggest("de", 8))) == ["completion"]


def test_a_repeated_word_is_completed_once() -> None:
    first, _, _ = build_suggest("jake jake gil", 8)
    assert first["prefix"]["query"] == prefixes("jake gil")
