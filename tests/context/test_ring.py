"""Chunks of open files and edited places: which are kept, which make room, which would only be repeated."""

from cope_lsp.context.edited import FAR_CHARACTERS, PLACES_MAX, EditedPlaces
from cope_lsp.context.ring import CHUNKS_MAX, Ring, cut, first_code, overlaps, repeats, shared

PYTHON = frozenset({"python"})


def code(name: str, lines: int = 8) -> str:
    return "".join(f"{name}_{n} = compute({name}, {n})\n" for n in range(lines))


def kept(ring: Ring, here: str = "compute()") -> list[str]:
    return [chunk.uri for chunk in ring.related("here", PYTHON, here)]


def test_the_oldest_chunk_makes_room() -> None:
    ring = Ring()
    for number in range(CHUNKS_MAX + 3):
        ring.pick(f"file:///{number}.py", "python", code(f"name{number}", 3), 0)
    assert len(ring.related("here", PYTHON, "compute")) == CHUNKS_MAX
    assert "file:///2.py" not in kept(ring)


def test_a_newer_state_of_a_place_replaces_the_older_one() -> None:
    ring = Ring()
    text = code("name")
    ring.pick("a", "python", text, 0)
    ring.pick("a", "python", text.replace("name_3", "other"), 0)
    assert kept(ring) == ["a"]
    ring.pick("b", "python", text, 0)  # another file with nearly the same lines
    assert kept(ring) == ["b", "a"]
    ring.pick("c", "python", text, 0)
    assert kept(ring) == ["c", "a"]


def test_what_is_like_the_text_at_the_cursor_is_not_shown() -> None:
    ring = Ring()
    text = code("name")
    ring.pick("a", "python", text, 0)
    ring.pick("b", "python", code("other"), 0)
    assert kept(ring, here=text) == ["b"]
    assert repeats(text, text + code("more", 6))
    assert not repeats(text, code("thing"))


def test_the_chunk_with_most_words_in_common_comes_first() -> None:
    ring = Ring()
    ring.pick("a", "python", "alpha = beta(gamma)\nepsilon = 2\n", 0)
    ring.pick("b", "python", "one = two(three)\nfour = 2\n", 0)
    assert kept(ring, here="gamma(beta)\nanything\n") == ["a"]
    assert kept(ring, here="nothing like that") == []


def test_chunks_of_the_same_file_and_of_other_languages_are_not_shown() -> None:
    ring = Ring()
    ring.pick("here", "python", code("a"), 0)
    ring.pick("b", "go", code("b"), 0)
    assert kept(ring) == []


def test_a_chunk_is_the_lines_around_a_place() -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    lines = cut(text, text.index("line 50"), 15, 16).split("\n")
    assert (lines[0], lines[-1], len(lines)) == ("line 35", "line 66", 32)
    assert cut("\n\n  a\r\n\r\nb  \n\n\n", 4, 9, 9) == "  a\n\nb"


def test_no_line_is_cut_and_nothing_of_a_key_is_kept() -> None:
    long = "x" * 1_500
    assert cut(f"{long}\n{long}\n", 0, 9, 9) == long
    assert cut("y" * 10_000, 0, 9, 9) == ""
    assert cut("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n" + "a = 1\n" * 90, 400, 2, 2) == ""


def test_the_first_definition_is_where_code_begins() -> None:
    text = "# words\nimport os\n\nclass A: ...\n"
    assert text[first_code(text) :].startswith("class A")
    assert first_code("import os\n") == 0


def test_pieces_overlap_when_half_of_the_smaller_stands_in_both() -> None:
    assert overlaps("aa\nbb\ncc", ["aa\nbb\nxx\nyy\nzz"])
    assert not overlaps("aa\nbb\ncc", ["aa\nxx\nyy"])
    assert not overlaps("aa", [])
    assert shared(frozenset(), frozenset()) == 0


def elsewhere(places: EditedPlaces, uri: str, offset: int = 0) -> list[str]:
    return [place.text for place in places.elsewhere(uri, PYTHON, offset)]


def test_the_last_edited_place_comes_first_and_one_place_is_noted_once() -> None:
    places = EditedPlaces()
    text = code("name", 100)
    places.add("a", "python", "first = 1\n", 0)
    places.add("b", "python", text, 10)
    for offset in range(2_000, 2_300, 10):
        places.add("b", "python", text, offset)
    assert len(elsewhere(places, "c")) == 3
    assert elsewhere(places, "c")[-1] == "first = 1"
    assert elsewhere(places, "b") == ["first = 1"]


def test_a_far_place_of_the_same_file_is_elsewhere() -> None:
    places = EditedPlaces()
    places.add("a", "python", "first = 1\n", 0)
    assert elsewhere(places, "a", FAR_CHARACTERS) == ["first = 1"]
    assert elsewhere(places, "a", FAR_CHARACTERS - 1) == []


def test_so_many_places_are_kept_and_none_of_a_file_that_was_closed() -> None:
    places = EditedPlaces()
    for number in range(PLACES_MAX + 2):
        places.add(str(number), "python", f"a = {number}\n", 0)
    assert len(elsewhere(places, "x")) == PLACES_MAX
    places.forget("9")
    assert len(elsewhere(places, "x")) == PLACES_MAX - 1
