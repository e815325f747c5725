"""Golden bodies: what a search sends is fixed here, so that a change of it is deliberate."""

from __future__ import annotations

from marquee.search.query import build_search, build_suggest


def test_search_bodies() -> None:
    bodies = build_search("jake gy")
    assert list(bodies) == ["exact", "fuzzy", "grams", "sounds"]
    joined = {"constant_score": {"filter": {"term": {"name_joined": "jakegy"}}, "boost": 2}}
    words = {"match": {"name_key": {"query": "jake gy", "operator": "and"}}}
    assert bodies["exact"]["query"]["function_score"]["query"] == {
        "dis_max": {"queries": [joined, {"constant_score": {"filter": words}}]}
    }
    assert bodies["fuzzy"]["query"] == {"match": {"name_key": {"query": "jake gy", "fuzziness": "AUTO"}}}
    assert bodies["grams"]["query"]["bool"]["minimum_should_match"] == "30%"
    grams = [clause["term"]["name_grams"] for clause in bodies["grams"]["query"]["bool"]["should"]]
    assert grams == ["_ja", "jak", "ake", "ke_", "_gy", "gy_"]
    assert bodies["sounds"]["query"]["bool"]["should"] == [
        {"fuzzy": {"name_sounds": {"value": "JK", "fuzziness": 0}}},
        {"fuzzy": {"name_sounds": {"value": "K", "fuzziness": 0}}},
    ]
    assert all(body["track_total_hits"] is False for body in bodies.values())


def test_documents_come_without_keys_and_credits() -> None:
    for body in (build_search("jake") | build_suggest("jake", 10)).values():
        assert "name" in body["_source"]
        assert not {"name_grams", "name_sounds", "credits"} & set(body["_source"])


def test_digits_have_no_sound_and_no_route_of_it() -> None:
    assert "sounds" not in build_search("50")


def test_professions_filter_every_route() -> None:
    for body in build_search("jake gyllenhaal", ("actor", "producer")).values():
        assert body["query"]["bool"]["filter"] == [{"terms": {"professions": ["actor", "producer"]}}]


def test_a_repeated_word_is_asked_for_once() -> None:
    bodies = build_search("jake jake gyllenhaal jake")
    assert bodies["fuzzy"]["query"]["match"]["name_key"]["query"] == "jake gyllenhaal"
    sounds = [
        clause["fuzzy"]["name_sounds"]["value"] for clause in bodies["sounds"]["query"]["bool"]["should"]
    ]
    assert sounds == ["JK", "KLNL"]


def test_suggest_bodies() -> None:
    bodies = build_suggest("de ni", 30)
    assert list(bodies) == ["prefix", "fuzzy"]
    should = bodies["prefix"]["query"]["function_score"]["query"]["constant_score"]["filter"]["bool"][
        "should"
    ]
    assert should == [
        {"match": {"name_key.prefix": {"query": "de ni", "operator": "and"}}},
        {"prefix": {"name_joined": {"value": "deni"}}},
    ]
    assert {body["size"] for body in bodies.values()} == {30}
