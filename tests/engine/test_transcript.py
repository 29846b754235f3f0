"""Where a draft ends."""

import pytest

from cope_lsp.engine.transcript import Transcript
from cope_lsp.values import Finish, Limits, Scope


def write(pieces: list[bytes], limits: Limits) -> tuple[str, Finish | None]:
    transcript = Transcript(limits)
    for piece in pieces:
        if finish := transcript.push(piece):
            return transcript.text, finish
    return transcript.text, None


def limits(output_tokens_max: int = 99, lines_max: int | None = None, stop: tuple[str, ...] = ()) -> Limits:
    return Limits(output_tokens_max, 1.0, lines_max, stop)


@pytest.mark.parametrize(
    ("pieces", "limit", "text", "finish"),
    [
        ([b"a", b"b"], limits(), "ab", None),
        ([b"a", b"b", b"c"], limits(output_tokens_max=2), "ab", "length"),
        ([b"x = 1\ny"], limits(stop=("\n",)), "x = 1", "stop"),
        ([b"ab", b"cd", b"ef"], limits(stop=("bcde",)), "a", "stop"),
        ([b"one two"], limits(stop=("two", "one")), "", "stop"),
        ([b"x\n", b"y\n", b"z"], limits(lines_max=2), "x\ny", "lines"),
        ([b"\n", b"    return", b" x\n"], limits(lines_max=1), "\n    return x", "lines"),
        ([b"\n\n  \n"], limits(lines_max=1), "\n\n  \n", None),
        ([b"a\nb\nc\n"], limits(lines_max=2), "a\nb", "lines"),
        (["ä".encode()[:1], "ä".encode()[1:]], limits(), "ä", None),
        ([b"ok", "ä".encode()[:1]], limits(output_tokens_max=2), "ok", "length"),
        ([b"\xff", b"a"], limits(), "\N{REPLACEMENT CHARACTER}a", None),
        (["→".encode()[:2], "→!".encode()[2:]], limits(stop=("→",)), "", "stop"),
    ],
)
def test_a_draft_ends_where_its_limits_say(
    pieces: list[bytes], limit: Limits, text: str, finish: Finish | None
) -> None:
    assert write(pieces, limit) == (text, finish)


def test_every_token_is_counted_also_when_its_text_is_cut_off() -> None:
    transcript = Transcript(limits(stop=("b",)))
    transcript.push(b"a")
    transcript.push(b"b")
    assert transcript.tokens == 2


@pytest.mark.parametrize(
    ("written", "scope", "text", "finish"),
    [
        ("a()\n    b()\nc()", Scope(4), "a()\n    b()", "stop"),
        ("a()\n\n    b()\n\nc()", Scope(4), "a()\n\n    b()\n", "stop"),
        ("a()\n    b()\n        c()", Scope(4), "a()\n    b()\n        c()", None),
        ("a();\n}\nc();", Scope(4, closes=True), "a();\n}", "stop"),
        ("a();\n}, 5);\nc();", Scope(4, closes=True), "a();\n}, 5);", "stop"),
        ("a();\n}\nc();", Scope(4), "a();", "stop"),
        ("a = 1\n\nb = 2", Scope(0, ends_at_blank=True), "a = 1", "stop"),
        ("\n\na = 1\n\nb", Scope(0, ends_at_blank=True), "\n\na = 1", "stop"),
        ("a = 1\nb = 2\nc", Scope(0, below="b = 2"), "a = 1", "stop"),
        ("a = 1\nb = 22\nc", Scope(0, below="b = 2"), "a = 1\nb = 22\nc", None),
        ("b = 2\nc\n", Scope(0, below="b = 2"), "b = 2\nc\n", None),
        ("x\nx\nx\nx", Scope(0), "x\nx", "stop"),
        ("x\nx\nxx\n", Scope(0), "x\nx\nxx\n", None),
        ("a\n\tb\n    c", Scope(8), "a\n\tb", "stop"),
        ("a\n    \tb\n\tc", Scope(8), "a\n    \tb\n\tc", None),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_draft_ends_before_the_line_that_leaves_its_block(
    written: str, scope: Scope, text: str, finish: Finish | None, size: int
) -> None:
    pieces = [written[at : at + size].encode() for at in range(0, len(written), size)]
    assert write(pieces, Limits(99, 1.0, scope=scope)) == (text, finish)
