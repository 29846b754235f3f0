"""Suggestions that are found again while somebody types them."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cope_lsp.completion.cache import (
    DELETED_MAX,
    ENTRIES_MAX,
    KEY_CHARACTERS,
    LOOK_BACK_MAX,
    SuggestionCache,
    left_of,
)
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


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_that_was_accepted_leaves_the_lines_below_it(line_end: str) -> None:
    """Whatever ends the lines of the document, a suggestion has plain ends."""
    check("x = ‸", "foo(bar)\n    baz", f"x = foo(bar){line_end}    ‸", "baz")
    check("x = ‸", "foo(bar)\n    baz", f"x = foo(bar){line_end}‸", "    baz")


def test_a_word_that_was_accepted_leaves_the_others() -> None:
    check("x = ‸\n", "foo(bar) + baz", "x = foo(‸\n", "bar) + baz")


# -- deleting back -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suggested_at", "now", "completed"),
    [
        ("x = fo‸", "x = f‸", "oo(bar)"),
        ("x = fo‸", "x =‸", " foo(bar)"),
        ("x = fo‸", "x = ‸", "foo(bar)"),
        ("x = fo‸", "‸", "x = foo(bar)"),
        ("a\n\tx = fo‸\n", "a\n\tx‸\n", " = foo(bar)"),
        ("x = fo‸", "x = g‸", None),  # something else is typed instead
        ("x = fo‸", "y‸", None),
        ("a\nx = fo‸", "a‸", None),  # the line is gone
        ("a\rx = fo‸", "a‸", None),
        ("x = fo‸\n", "x = f‸", None),  # below, something changed
        ("a\nx = fo‸", "b\nx = f‸", None),  # above
        ("x = fo‸", "xx = f‸", None),
    ],
)
def test_what_was_deleted_comes_back_with_the_suggestion(
    suggested_at: str, now: str, completed: str | None
) -> None:
    check(suggested_at, "o(bar)", now, completed)


def test_typed_text_that_is_deleted_again_brings_back_what_was_suggested() -> None:
    for now in ("x = foo‸", "x = fo‸", "x = f‸"):
        check("x = f‸", "oo(bar)", now, "foo(bar)"[len(now) - 5 :])


@pytest.mark.parametrize("left", ["", "    ", "  "])
def test_indentation_that_was_taken_away_does_not_come_back(left: str) -> None:
    check("if x:\n        ‸\n", "return 1", f"if x:\n{left}‸\n", None)


def test_who_wants_no_more_than_what_they_type_gets_nothing_at_its_place() -> None:
    cache = SuggestionCache()
    cache.put(URI, "x = ", 4, "foo(bar)")
    assert cache.get(URI, "x = ", 4, only_typed=True) is None
    assert cache.get(URI, "x = f", 5, only_typed=True) == "oo(bar)"
    assert cache.get(URI, "x =", 3, only_typed=True) is None


def test_only_so_much_may_be_deleted() -> None:
    deleted = "d" * DELETED_MAX
    check(f"x{deleted}‸", "foo", "x‸", f"{deleted}foo")
    check(f"xx{deleted}‸", "foo", "x‸", None)


@pytest.mark.parametrize(
    "length", [KEY_CHARACTERS - 1, KEY_CHARACTERS, KEY_CHARACTERS + 1, 2 * KEY_CHARACTERS]
)
def test_deleting_back_is_found_wherever_in_a_long_text(length: int) -> None:
    before = ("abcdefg\n" * length)[-length:]
    check(f"{before}x = fo‸", "o(bar)", f"{before}x =‸", " foo(bar)")
    check(f"{before}x = fo‸", "o(bar)", f"{before[:-3]}_g\nx =‸", None)


def test_the_place_nearest_before_which_text_is_gone_counts() -> None:
    cache = SuggestionCache()
    cache.put(URI, "abcd", 4, "far")
    cache.put(URI, "abc", 3, "near")
    assert cache.get(URI, "ab", 2) == "cnear"
    cache.put(URI, "a", 1, "typed")
    assert cache.get(URI, "at", 2) == "yped"


def test_a_suggestion_found_by_deleting_back_does_not_make_room() -> None:
    cache = SuggestionCache()
    for n in range(ENTRIES_MAX):
        cache.put(f"file:///{n}", "ab", 2, "foo")
    assert cache.get("file:///0", "a", 1) == "bfoo"
    cache.put("file:///new", "", 0, "foo")
    assert cache.get("file:///0", "ab", 2) == "foo"
    assert cache.get("file:///1", "ab", 2) is None
    assert cache.get("file:///1", "a", 1) is None


# -- which suggestion, and for how long ---------------------------------------------------------------


def test_who_looks_elsewhere_and_comes_back_finds_it_again() -> None:
    cache, near = SuggestionCache(), "\n" * KEY_CHARACTERS
    text = f"import os{near}x = {near}y = "
    at = text.index("x = ") + 4
    cache.put(URI, text, at, "foo")
    cache.put(URI, text, len(text), "bar")
    text = text.replace("os", "sys") + "bar"
    assert cache.get(URI, text, at + 1) == "foo"


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


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(short, short, short.filter(bool), st.data())
def test_deleting_any_part_of_the_line_completes_the_same_text(
    before: str, after: str, suggestion: str, data: st.DataObject
) -> None:
    line = before.rpartition("\n")[2]
    gone = data.draw(st.integers(0, len(line)))
    left, deleted = before[: len(before) - gone], before[len(before) - gone :]
    assume(not gone or deleted.strip())
    check(f"{before}‸{after}", suggestion, f"{left}‸{after}", deleted + suggestion)


@pytest.mark.parametrize(
    ("suggestion", "typed", "left"),
    [("foo\nbar", "foo\r\nb", "ar"), ("foo", "foo", ""), ("foo", "fooo", ""), ("foo", "x", ""), ("", "", "")],
)
def test_what_is_left_of_a_suggestion(suggestion: str, typed: str, left: str) -> None:
    assert left_of(suggestion, typed) == left
