"""Where holes can be cut in a file of Python: lines, blocks and arguments inside of functions.

Pure: text in, holes out. A hole is only where somebody would ask for a completion: behind the indentation of
a line that is to be written, or between the parentheses of a call.
"""

import ast
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cope_lsp.context.target import CHARACTERS_MAX, parsed, places_in
from cope_lsp.evaluation.holes.hole import Hole, Kind
from cope_lsp.text import split_lines

BLOCK_LINES_MIN, BLOCK_LINES_MAX = 2, 8

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)
_SIMPLE = (ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Raise, ast.Assert, ast.Delete)


class Span(NamedTuple):
    """Where a hole is in its text, in code points, and a wrong text for it."""

    kind: Kind
    start: int
    end: int
    wrong: str


def cut(text: str, file: str, uri: str, kinds: Iterable[Kind]) -> list[Hole]:
    r"""Return the holes of a file, in order; none of one that CPython rejects, that is large, or has a \r.

    Args:
        text: of the file.
        file: its path in the repository.
        uri: of the file.
        kinds: which holes are wanted.
    """
    if len(text) > CHARACTERS_MAX or "\r" in text or (tree := parsed(text)) is None:
        return []
    source = _Source(text)
    symbols = {place.line + 1: place.symbol for place in places_in(tree)}
    wanted = set(kinds)
    found: dict[Span, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.lineno in symbols:
            for span in _spans(node, source):
                if span.kind in wanted:
                    found.setdefault(span, symbols[node.lineno])
    return [_hole(source, file, uri, span, found[span]) for span in sorted(found, key=lambda span: span[1:])]


def in_rounds(holes: Sequence[Hole], seed: int) -> list[list[Hole]]:
    """Return all holes in the order in which they are tried: lists of holes of one function.

    Each function comes once with one hole of each kind, in an order that is drawn, before any comes again: so
    a few holes show much of a repository.
    """
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    waiting: dict[tuple[str, str], dict[Kind, list[Hole]]] = {}
    for hole in dice.sample(holes, len(holes)):
        waiting.setdefault((hole.uri, hole.symbol), {}).setdefault(hole.kind, []).append(hole)
    rounds: list[list[Hole]] = []
    while waiting:
        for function, kinds in list(waiting.items()):
            rounds.append([left.pop() for left in kinds.values()])
            waiting[function] = {kind: left for kind, left in kinds.items() if left}
            if not waiting[function]:
                del waiting[function]
    return rounds


@dataclass(frozen=True, slots=True, init=False)
class _Source:
    """A text by lines and columns as CPython counts them: from 1, and in bytes of UTF-8."""

    text: str
    lines: list[str]
    starts: list[int]

    def __init__(self, text: str) -> None:
        lines = split_lines(text)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "starts", starts)

    def offset(self, line: int, column: int) -> int:
        content = self.lines[line - 1]
        in_points = column if content.isascii() else len(content.encode()[:column].decode())
        return self.starts[line - 1] + in_points

    def start(self, node: ast.stmt | ast.expr) -> int:
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def begins_line(self, offset: int) -> bool:
        """Whether nothing but indentation stands before an offset."""
        return not self.text[self.text.rfind("\n", 0, offset) + 1 : offset].strip()

    def code_end(self, offset: int) -> int | None:
        """Return the end of the line at the end of a statement, a comment included; None: code follows."""
        end = self.text.find("\n", offset)
        rest = self.text[offset : end if end >= 0 else len(self.text)]
        if rest.strip() and not rest.lstrip().startswith("#"):
            return None
        return offset + len(rest.rstrip())


def _hole(source: _Source, file: str, uri: str, span: Span, symbol: str) -> Hole:
    text = source.text
    line = text.count("\n", 0, span.start) + 1
    column = span.start - text.rfind("\n", 0, span.start)
    return Hole(
        id=f"{file}:{line}:{column} {span.kind}",
        kind=span.kind,
        file=file,
        uri=uri,
        symbol=symbol,
        before=text[: span.start],
        after=text[span.end :],
        original=text[span.start : span.end],
        wrong=span.wrong,
    )


def _spans(function: _Function, source: _Source) -> Iterator[Span]:
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    yield from _tail(body, source)
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt):
                yield from _line(node, source)
                yield from _bodies(node, source)
            elif isinstance(node, ast.Call):
                yield from _argument(node, source)


def _line(node: ast.stmt, source: _Source) -> Iterator[Span]:
    """Yield a statement, or the head of a block, that has a line of its own."""
    start = source.start(node)
    if not source.begins_line(start):
        return
    if isinstance(node, _SIMPLE) and node.end_lineno == node.lineno and not _is_text(node):
        end = source.code_end(source.end(node))
        if end is not None:
            yield Span("line", start, end, "pass")
    elif isinstance(node, ast.If | ast.While | ast.For) and (wrong := _wrong_head(node, source)):
        end = source.starts[node.lineno - 1] + len(source.lines[node.lineno - 1].rstrip())
        if source.text[start:end].endswith(":"):
            yield Span("line", start, end, wrong)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring or another value that nobody uses."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _wrong_head(node: ast.If | ast.While | ast.For, source: _Source) -> str:
    """Return the head of a block that is never entered; "" where the head is not one line above its body."""
    said = node.iter if isinstance(node, ast.For) else node.test
    if said.end_lineno != node.lineno or node.body[0].lineno == node.lineno:
        return ""
    if isinstance(node, ast.For):
        return f"for {ast.unparse(node.target)} in ():"
    word = source.text[source.start(node) :].split(maxsplit=1)[0]
    return f"{word.partition('(')[0]} False:"


def _bodies(node: ast.stmt, source: _Source) -> Iterator[Span]:
    if isinstance(node, _BLOCKS):
        yield from _block(node.body, source)
    if isinstance(node, ast.If | ast.For | ast.While) and node.orelse:
        yield from _block(node.orelse, source)


def _tail(body: Sequence[ast.stmt], source: _Source) -> Iterator[Span]:
    """Yield the end of a function: as many whole statements as a block may have lines."""
    for index in range(len(body)):
        found = list(_block(body[index:], source))
        if found:
            yield from found
            return


def _block(body: Sequence[ast.stmt], source: _Source) -> Iterator[Span]:
    """Yield some statements one after the other; an `elif` is none, since it goes on with what is above."""
    if not body:
        return
    start, last = source.start(body[0]), body[-1]
    assert last.end_lineno is not None
    size = last.end_lineno - body[0].lineno + 1
    is_elif = source.text.startswith("elif", start)
    if not BLOCK_LINES_MIN <= size <= BLOCK_LINES_MAX or is_elif or not source.begins_line(start):
        return
    end = source.code_end(source.end(last))
    if end is not None:
        yield Span("block", start, end, "pass")


def _argument(node: ast.Call, source: _Source) -> Iterator[Span]:
    """Yield what stands between the parentheses of a call on one line."""
    if node.lineno != node.end_lineno or not (node.args or node.keywords):
        return
    start, end = source.end(node.func) + 1, source.end(node) - 1
    written = source.text[source.start(node) : end + 1]
    # Inside of an f-string CPython 3.11 counts columns from elsewhere: what stands there is another text.
    try:
        same = ast.dump(ast.parse(written, mode="eval").body) == ast.dump(node)
    except (SyntaxError, ValueError):
        return
    if same and source.text[start - 1] == "(":
        original = source.text[start:end]
        yield Span("argument", start, end, "0" if original == "None" else "None")
