"""The window on a text: within its limits, and still while somebody types."""

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.context.window import CHARACTERS_PER_TOKEN, GRID_LINES, Window, around
from tests.conftest import scaled


def check(marked: str, *, prefix: str, suffix: str, tokens: int = 1000) -> None:
    """Compare the window around ‸ with what is expected."""
    before, after = marked.split("‸")
    window = around(before + after, len(before), prefix_tokens_max=tokens, suffix_tokens_max=tokens)
    assert window == Window(prefix, suffix)


def test_a_short_text_is_shown_whole() -> None:
    check("import os\n\nos.‸\n", prefix="import os\n\nos.", suffix="\n")


def test_both_ends_of_a_text_may_be_empty() -> None:
    check("‸", prefix="", suffix="")
    check("‸x", prefix="", suffix="x")
    check("x‸", prefix="x", suffix="")


def test_text_after_the_cursor_can_be_left_out() -> None:
    assert around("a b", 1, prefix_tokens_max=9, suffix_tokens_max=0) == Window("a", "")


def test_a_text_of_just_the_limit_is_not_cut() -> None:
    text = "x" * CHARACTERS_PER_TOKEN * 4
    check(text + "‸" + text, prefix=text, suffix=text, tokens=4)


def test_a_long_suffix_ends_at_its_limit() -> None:
    check("‸" + "abcdefghij" * 9, prefix="", suffix="abcdefghij", tokens=2)


def test_a_long_prefix_begins_at_a_line_of_the_grid() -> None:
    lines = [f"line {n}\n" for n in range(100)]
    window = around("".join(lines), len("".join(lines)), prefix_tokens_max=50, suffix_tokens_max=0)
    first = int(window.prefix.split()[1])
    assert first % GRID_LINES == 0
    assert window.prefix == "".join(lines[first:])


def test_a_prefix_without_a_line_of_the_grid_is_its_end() -> None:
    check("x" * 30 + "\n" + "y" * 30 + "‸", prefix="y" * 20, suffix="", tokens=4)
    check("z" * 99 + "‸", prefix="z" * 20, suffix="", tokens=4)


def test_the_beginning_stays_while_lines_are_typed() -> None:
    """Every token that is shown again at the same place is one that the engine need not evaluate again."""
    typed = "".join(f"    value_{n} = compute({n})\n" for n in range(200))
    tokens = 300
    starts = [
        end - len(around(typed, end, prefix_tokens_max=tokens, suffix_tokens_max=0).prefix)
        for end in range(len(typed) + 1)
    ]
    assert starts == sorted(starts)
    assert len(set(starts)) <= 200 // GRID_LINES + 1


lines = st.lists(st.integers(0, 60).map(lambda width: "x" * width + "\n"), max_size=80)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(lines, st.integers(0, 40), st.integers(0, 40), st.data())
def test_a_window_keeps_its_limits_and_touches_the_cursor(
    lines: list[str], prefix_tokens: int, suffix_tokens: int, data: st.DataObject
) -> None:
    text = "".join(lines)
    offset = data.draw(st.integers(0, len(text)))
    window = around(text, offset, prefix_tokens_max=prefix_tokens, suffix_tokens_max=suffix_tokens)
    assert len(window.prefix) <= prefix_tokens * CHARACTERS_PER_TOKEN
    assert text[:offset].endswith(window.prefix)
    assert window.suffix == text[offset:][: suffix_tokens * CHARACTERS_PER_TOKEN]


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(lines, st.integers(1, 40))
def test_a_cut_prefix_begins_at_the_first_line_of_the_grid_that_fits(lines: list[str], tokens: int) -> None:
    text = "".join(lines)
    window = around(text, len(text), prefix_tokens_max=tokens, suffix_tokens_max=0)
    earliest = len(text) - tokens * CHARACTERS_PER_TOKEN
    if earliest <= 0:
        assert window.prefix == text
        return
    begins = [0, *accumulate(map(len, lines))]
    fitting = [at for at in begins[::GRID_LINES] if at > earliest]
    assert window.prefix == text[min(fitting, default=earliest) :]


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(lines, st.integers(20, 40), st.text("ab \n", max_size=40))
def test_typing_moves_the_beginning_only_when_the_limit_is_reached(
    lines: list[str], tokens: int, typed: str
) -> None:
    longest = tokens * CHARACTERS_PER_TOKEN
    text = "".join(lines)
    start: int | None = None
    for end in range(len(text), len(text + typed) + 1):
        prefix = around(text + typed, end, prefix_tokens_max=tokens, suffix_tokens_max=0).prefix
        on_grid = (text + typed)[: end - len(prefix)].count("\n") % GRID_LINES == 0
        if start is not None and end - start < longest and on_grid:
            assert end - len(prefix) == start
        start = end - len(prefix) if on_grid else None
