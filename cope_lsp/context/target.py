"""The function that a task is about: what a model is told of it, and where in its file a draft goes.

Python so far. A file that does not parse elsewhere is no obstacle: then the function alone is read.
"""

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cope_lsp.errors import CopeError
from cope_lsp.text import split_lines

SHOWN_INDENT = "    "
"""What models are shown as one level, whatever the file uses."""

AROUND_CHARACTERS_MAX = 2_000

CHARACTERS_MAX = 200_000
"""What a file may have where editors wait: CPython parses this in 0.2 s, and holds the interpreter's lock."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Statement = ast.stmt | ast.excepthandler | ast.match_case
"""What can hold a definition; expressions cannot."""


class NoTargetError(CopeError):
    """There is no function to write at this place; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    r"""One function of a file. Texts for models are indented by `SHOWN_INDENT`, and lines end with \n."""

    symbol: str
    """Its qualified name, such as "Inventory.total"."""
    line: int
    """0-based, of its `def`."""
    end_line: int
    """0-based, its last one."""
    signature: str
    """From `def` to the colon, without the last line's end, as deep as `classes` go."""
    docstring: str
    classes: str
    """The first line of each class around it; "" for a plain function."""
    imports: str
    """The imports at the top of its file."""
    around: str
    """The signatures of the other functions of its file, nearest first, in order, bounded."""
    is_stub: bool
    """Whether nothing is in it but a docstring, `pass`, `...`, values, or `raise NotImplementedError`."""
    head: str
    """The file up to the body that a draft replaces."""
    tail: str
    """The file after it."""
    indent: str
    """Of the body in the file."""
    newline: str

    @property
    def depth(self) -> int:
        """How many levels a draft's body is indented where models see it."""
        return self.symbol.count(".") + 1

    def with_body(self, draft: str) -> str:
        """Return the file with a draft in place of the body; the docstring stays.

        Args:
            draft: whole lines, indented by `depth` levels of `SHOWN_INDENT`.
        """
        lines = (self._placed(line) for line in draft.rstrip().split("\n"))
        return f"{self.head}{self.newline.join(lines)}{self.newline}{self.tail}"

    def _placed(self, line: str) -> str:
        """Return a line of a draft with the indentation of its file."""
        shown = SHOWN_INDENT * self.depth
        if not line.startswith(shown):
            return line if line.strip() else ""
        rest = line.removeprefix(shown)
        if "\t" in self.indent:
            code = rest.lstrip(" ")
            deeper, left = divmod(len(rest) - len(code), len(SHOWN_INDENT))
            rest = "\t" * deeper + " " * left + code
        return self.indent + rest if rest.strip() else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function stands in its file: 0-based lines."""

    symbol: str
    first: int
    """Of its decorators, or its `def`."""
    line: int
    """Of its `def`."""
    end_line: int
    is_open: bool
    """Whether it is still to be written and says in a docstring what it does."""


def parsed(text: str) -> ast.Module | None:
    """Return the syntax tree of a file; None: it is no Python, or nests deeper than CPython reads."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def places(text: str) -> list[Place]:
    """Return where the functions of a file are: one parse, unlike a `Target` for each."""
    return [_place(each) for each in _functions(text, parsed(text))]


def places_in(tree: ast.Module) -> list[Place]:
    """Return where the functions are in the tree of a file."""
    return [_place(each) for each in _in(tree)]


def _place(found: "_Found") -> Place:
    return Place(found.symbol, found.first, found.start, found.end, is_open=_is_open(found))


def target_at(text: str, line: int) -> Target:
    """Return the innermost function around a 0-based line; its decorators belong to it.

    Raises:
        NoTargetError: there is none, or it does not parse.
    """
    tree = parsed(text)
    functions = list(_functions(text, tree))
    found = [each for each in functions if each.first <= line <= each.end]
    if not found:
        msg = f"no function is around line {line + 1}"
        raise NoTargetError(msg)
    return _target(text, tree, functions, max(found, key=lambda each: each.start))


def target_named(text: str, symbol: str) -> Target:
    """Return the function called `symbol`, "Class.method" for a method; of several the last one.

    Raises:
        NoTargetError: there is none, or it does not parse.
    """
    tree = parsed(text)
    found = list(_functions(text, tree))
    exact = [each for each in found if each.symbol == symbol]
    loose = [each for each in found if each.symbol.rpartition(".")[2] == symbol]
    if not exact and len({each.symbol for each in loose}) > 1:
        names = ", ".join(sorted({each.symbol for each in loose}))
        msg = f"{symbol} may be {names}; name one of them"
        raise NoTargetError(msg)
    if not (exact or loose):
        raise NoTargetError(_nothing_named(text, symbol))
    return _target(text, tree, found, (exact or loose)[-1])


def stubs(text: str) -> list[Target]:
    """Return the functions of a file that are still to be written and say in a docstring what they do."""
    tree = parsed(text)
    functions = list(_functions(text, tree))
    return [_target(text, tree, functions, each) for each in functions if _is_open(each)]


def is_stub(text: str, symbol: str) -> bool:
    """Whether the function called `symbol` of a file does nothing yet."""
    return any(_is_stub(each.node) for each in _functions(text, parsed(text)) if each.symbol == symbol)


@dataclass(frozen=True, slots=True)
class _Found:
    """A function with its place in the file: 0-based lines."""

    symbol: str
    node: _Function
    classes: tuple[ast.ClassDef, ...]
    offset: int
    """The line of the file on which the text begins that `node` was parsed from."""

    @property
    def first(self) -> int:
        """Where its decorators begin."""
        return min([self.node.lineno, *(each.lineno for each in self.node.decorator_list)]) - 1 + self.offset

    @property
    def start(self) -> int:
        return self.node.lineno - 1 + self.offset

    @property
    def end(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - 1 + self.offset


def _functions(text: str, tree: ast.Module | None) -> Iterator[_Found]:
    return _alone(text) if tree is None else _in(tree)


def _in(tree: ast.Module) -> Iterator[_Found]:
    """Yield the functions of a tree, in order, however deep it nests: a long chain of `elif` does."""
    waiting: list[tuple[ast.AST, tuple[_Definition, ...]]] = [(tree, ())]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, _Definition):
            path = (*around, node)
            # A function inside of a function sees variables that no caller of a draft could name.
            if isinstance(node, _Function) and all(isinstance(each, ast.ClassDef) for each in around):
                classes = tuple(each for each in around if isinstance(each, ast.ClassDef))
                yield _Found(".".join(each.name for each in path), node, classes, 0)
            around = path
        inner = [(each, around) for each in ast.iter_child_nodes(node) if isinstance(each, _Statement)]
        waiting += reversed(inner)


def _alone(text: str) -> Iterator[_Found]:
    """Yield the functions that parse on their own, in a file that does not."""
    lines = split_lines(text)
    for number, line in enumerate(lines):
        if not line.startswith(("def ", "async def ")):
            continue
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t)"):
            end += 1
        tree = parsed("".join(lines[number:end]))
        if tree is not None and isinstance(node := tree.body[0], _Function):
            yield _Found(node.name, node, (), number)


def _target(text: str, tree: ast.Module | None, functions: Sequence[_Found], found: _Found) -> Target:
    lines = split_lines(text)
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    node = found.node
    colon_line, colon = _end_of_signature(lines, found.start)
    level = len(found.classes)
    shown = [*lines[found.start : colon_line], lines[colon_line][: colon + 1]]
    head, tail = "".join(lines[: colon_line + 1]), "".join(lines[found.end + 1 :])
    docstring = ast.get_docstring(node) or ""
    first = node.body[0]
    if first.lineno - 1 + found.offset == colon_line:  # all on one line
        head = "".join(lines[:colon_line]) + lines[colon_line][: colon + 1] + newline
        indent = _indent_of(lines[found.start]) + SHOWN_INDENT
        if docstring:
            head += f"{indent}{ast.get_source_segment(''.join(lines[found.offset :]), first)}{newline}"
    else:
        indent = _indent_of(lines[first.lineno - 1 + found.offset])
        if docstring:
            docstring_end = (first.end_lineno or first.lineno) + found.offset
            head = "".join(lines[:docstring_end])
    if not head.endswith(("\n", "\r")):
        head += newline
    return Target(
        symbol=found.symbol,
        line=found.start,
        end_line=found.end,
        signature=_shown("".join(shown), level),
        docstring=docstring,
        classes="".join(_class_line(each, depth) for depth, each in enumerate(found.classes)),
        imports=_imports(text, tree),
        around=_around(functions, found),
        is_stub=_is_stub(node),
        head=head,
        tail=tail,
        indent=indent,
        newline=newline,
    )


def _end_of_signature(lines: list[str], start: int) -> tuple[int, int]:
    """Return line and column of the colon that ends the signature that begins on a line."""
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO("".join(lines[start:])).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == ":" and depth == 0:
                return start + token.start[0] - 1, token.start[1]
    msg = f"the function on line {start + 1} has no end of its signature"
    raise NoTargetError(msg)


def _shown(source: str, level: int) -> str:
    """Return the lines of a signature at the depth where models see it."""
    plain = textwrap.dedent(source.replace("\r\n", "\n").expandtabs(4))
    return textwrap.indent(plain.rstrip("\n"), SHOWN_INDENT * level)


def _class_line(node: ast.ClassDef, depth: int) -> str:
    bases = ", ".join(map(_source, (*node.bases, *node.keywords)))
    return f"{SHOWN_INDENT * depth}class {node.name}{f'({bases})' if bases else ''}:\n"


def _source(node: ast.AST) -> str:
    """Return the code of an expression; "..." for one that nests too deep to be written down."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."


def _imports(text: str, tree: ast.Module | None) -> str:
    """Return the imports at the top level of a file, as they stand there."""
    if tree is None:
        found = (line for line in split_lines(text) if line.startswith(("import ", "from ")))
        return "".join(line for line in found if not line.rstrip().endswith(("(", "\\")))
    return "".join(
        f"{ast.unparse(node)}\n" for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _around(functions: Sequence[_Found], found: _Found) -> str:
    """Return the other functions' signatures, as many as there is room for, those nearest to it first."""
    others = [each for each in functions if each.start != found.start]
    near = sorted(others, key=lambda each: abs(each.start - found.start))
    kept: list[_Found] = []
    room = AROUND_CHARACTERS_MAX
    for each in near:
        room -= len(_one_line_signature(each))
        if room < 0:
            break
        kept.append(each)
    return "".join(_one_line_signature(each) for each in sorted(kept, key=lambda each: each.start))


def _one_line_signature(found: _Found) -> str:
    node = found.node
    returns = f" -> {_source(node.returns)}" if node.returns else ""
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return f"{word} {found.symbol}({_source(node.args)}){returns}: ...\n"


def _is_stub(node: _Function) -> bool:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return all(_does_nothing(each) for each in body)


def _is_open(found: _Found) -> bool:
    return _is_stub(found.node) and bool(ast.get_docstring(found.node))


_ACTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
"""Expressions that do something even where nobody uses their value."""


def _does_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Pass():
            return True
        case ast.Expr(value):
            return not any(isinstance(each, _ACTS) for each in ast.walk(value))
        case ast.Raise(ast.Name("NotImplementedError") | ast.Call(ast.Name("NotImplementedError"))):
            return True
    return False


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nothing_named(text: str, symbol: str) -> str:
    try:
        ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "the file"
        return f"no function {symbol} was found, and {where} is not Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"the file cannot be read as Python: {error}"
    return f"it defines no function {symbol}"
