"""Suggestions that are found again while somebody types them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.completion.cache import ENTRIES_MAX, KEY_CHARACTERS, LOOK_BACK_MAX, SuggestionCache
from tests.conftest import scaled

URI = "file:///a.py"


def check(suggested_at: str, suggestion: str, now: str, left: str | None, *, uri: str = URI) -> None:
    """Remember `suggestion` at ‸ in one text and compare what is left of it at ‸ in another."""
    cache = SuggestionCache()
    before, after = suggested_at.split("‸")
    cache.put(URI, before + after, len(before), suggestion)
    before, after = now.split("‸")
    assert cache.get(uri, before + after, len(before)) == left


def test_the_same_place_gives_the_same_suggestion() -> None:
    check("x = ‸\ny", "foo(bar)", "x = ‸\ny", "foo(bar)")


def test_an_empty_cache_has_nothing() -> None:
    assert SuggestionCache().get(URI, "x", 1) is None


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("f", "oo(bar)\n    baz"),
        ("foo(", "bar)\n    baz"),
        ("foo(bar)\n  ", "  baz"),
        ("foo(bar)\n    ba", "z"),
        ("foo(bar)\n    baz", None),
        ("foo(bar)\n    bazz", None),
        ("g", None),
        ("fx", None),
        (" ", None),
    ],
)
def test_what_was_typed_is_taken_away_as_long_as_it_is_the_beginning(typed: str, left: str | None) -> None:
    check("x = ‸", "foo(bar)\n    baz", f"x = {typed}‸", left)


@pytest.mark.parametrize(
    "now",
    [
        "x = ‸)",  # the editor closed a bracket, or somebody wrote something below
        "x = ‸\nz",
        "y = ‸",  # something before the place changed
        "x =‸",  # the cursor went back
        "x = x = ‸",
    ],
)
def test_a_suggestion_belongs_to_what_stands_on_both_sides(now: str) -> None:
    check("x = ‸", "foo", now, None)


def test_a_suggestion_belongs_to_one_document() -> None:
    check("x = ‸", "foo", "x = ‸", None, uri="file:///b.py")


def test_a_change_far_from_the_place_does_not_matter() -> None:
    near = "n" * KEY_CHARACTERS
    check(f"far{near}‸{near}away", "foo", f"FAR{near}‸{near}AWAY", "foo")
    check(f"far{near[1:]}‸{near}", "foo", f"faR{near[1:]}‸{near}", None)
    check(f"{near}‸{near[1:]}far", "foo", f"{near}‸{near[1:]}Far", None)


def test_only_so_much_typed_text_is_looked_through() -> None:
    suggestion = "s" * (LOOK_BACK_MAX + 10)
    check("x = ‸", suggestion, f"x = {suggestion[:LOOK_BACK_MAX]}‸", "s" * 10)
    check("x = ‸", suggestion, f"x = {suggestion[: LOOK_BACK_MAX + 1]}‸", None)


def test_the_suggestion_of_the_nearest_place_counts() -> None:
    cache = SuggestionCache()
    cache.put(URI, "", 0, "foo(a)")
    cache.put(URI, "fo", 2, "r i in range(9)")
    assert cache.get(URI, "fo", 2) == "r i in range(9)"
    assert cache.get(URI, "for", 3) == " i in range(9)"
    assert cache.get(URI, "foo", 3) == "(a)"


def test_a_newer_suggestion_for_a_place_replaces_the_older() -> None:
    cache = SuggestionCache()
    cache.put(URI, "x", 1, "old")
    cache.put(URI, "x", 1, "new")
    assert cache.get(URI, "x", 1) == "new"


def test_the_oldest_suggestion_makes_room() -> None:
    cache = SuggestionCache()
    for n in range(ENTRIES_MAX + 1):
        cache.put(f"file:///{n}", "", 0, "foo")
    assert cache.get("file:///0", "", 0) is None
    assert all(cache.get(f"file:///{n}", "", 0) for n in range(1, ENTRIES_MAX + 1))


@pytest.mark.parametrize("typed", ["", "fo"])
def test_a_suggestion_in_use_does_not_make_room(typed: str) -> None:
    cache = SuggestionCache()
    for n in range(ENTRIES_MAX):
        cache.put(f"file:///{n}", "", 0, "foo")
    assert cache.get("file:///0", typed, len(typed))
    cache.put("file:///new", "", 0, "foo")
    assert cache.get("file:///0", "", 0) == "foo"
    assert cache.get("file:///1", "", 0) is None


def test_a_suggestion_that_is_renewed_does_not_make_room() -> None:
    cache = SuggestionCache()
    for n in [*range(ENTRIES_MAX), 0, ENTRIES_MAX]:
        cache.put(f"file:///{n}", "", 0, "foo")
    assert cache.get("file:///0", "", 0) == "foo"
    assert cache.get("file:///1", "", 0) is None


short = st.text("ab( \n", max_size=8)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(short, short, st.text("ab( \n", min_size=1, max_size=LOOK_BACK_MAX), st.data())
def test_typing_any_part_of_a_suggestion_leaves_the_rest(
    before: str, after: str, suggestion: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(suggestion) - 1))
    typed, left = suggestion[:cut], suggestion[cut:]
    check(f"{before}‸{after}", suggestion, f"{before}{typed}‸{after}", left)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(st.lists(st.tuples(short, short, short.filter(bool)), max_size=5), short, short)
def test_what_is_left_completes_a_suggestion_that_was_made(
    made: list[tuple[str, str, str]], before: str, after: str
) -> None:
    """Text typed so far and what is left are together a text that was suggested once for that place."""
    cache = SuggestionCache()
    places = {}
    for made_before, made_after, suggestion in made:
        cache.put(URI, made_before + made_after, len(made_before), suggestion)
        places[made_before + suggestion, made_after] = True
    left = cache.get(URI, before + after, len(before))
    if left is not None:
        assert left
        assert (before + left, after) in places
