"""The function of a task: found by name or place, shown to models, replaced in its file."""

import ast
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.context.target import NoTargetError, Target, is_stub, places, stubs, target_at, target_named

FILE = '''\
import re
from os import path, sep

LIMIT = {1: 2}


class Stock(Base, metaclass=Meta):
    """Holds things."""

    def total(self, floor: int = LIMIT[1], *,
              key=lambda item: item) -> int:
        """Sum what is above the floor.

        More is said here.
        """
        # TODO
        ...

    @property
    def size(self): return 1


@cached
async def fetch(url: str) -> bytes:
    return b""


def outer():
    def inner():
        pass
    return inner
'''


def test_a_method_is_shown_with_what_it_stands_in() -> None:
    target = target_named(FILE, "Stock.total")
    assert target.symbol == "Stock.total"
    assert target.signature == (
        "    def total(self, floor: int = LIMIT[1], *,\n              key=lambda item: item) -> int:"
    )
    assert target.classes == "class Stock(Base, metaclass=Meta):\n"
    assert target.docstring == "Sum what is above the floor.\n\nMore is said here."
    assert target.imports == "import re\nfrom os import path, sep\n"
    assert target.around == (
        "def Stock.size(self): ...\nasync def fetch(url: str) -> bytes: ...\ndef outer(): ...\n"
    )
    assert target.is_stub
    assert target.depth == 2


def test_a_draft_takes_the_place_of_the_body_and_of_nothing_else() -> None:
    after = target_named(FILE, "total").with_body(
        "        if floor:\n            return 1\n        return 2\n"
    )
    assert after == FILE.replace(
        "        # TODO\n        ...\n", "        if floor:\n            return 1\n        return 2\n"
    )
    after = target_named(FILE, "size").with_body("        return 2\n")
    assert after == FILE.replace("def size(self): return 1\n", "def size(self):\n        return 2\n")
    after = target_named(FILE, "fetch").with_body("    return url.encode()\n")
    assert after == FILE.replace('return b""', "return url.encode()")


def test_a_file_keeps_its_tabs_and_line_ends() -> None:
    text = 'class A:\r\n\tdef f(self):\r\n\t\t"""Do it."""\r\n\t\tpass\r\n\r\n\tx = 1\r\n'
    target = target_named(text, "A.f")
    assert target.signature == "    def f(self):"
    after = target.with_body(
        "        for i in self:\n            if i:\n                return [\n          1]\n"
    )
    assert after == (
        'class A:\r\n\tdef f(self):\r\n\t\t"""Do it."""\r\n\t\tfor i in self:\r\n\t\t\tif i:\r\n'
        "\t\t\t\treturn [\r\n\t\t  1]\r\n\r\n\tx = 1\r\n"
    )


def test_a_text_of_several_lines_in_a_draft_is_not_changed() -> None:
    text = 'def f():\n    """Do it."""\n'
    assert (
        target_named(text, "f").with_body('    return """\na\n  b\n"""\n')
        == text + '    return """\na\n  b\n"""\n'
    )


@pytest.mark.parametrize(("text", "body", "after"), [
    ("def f(): ...", "    return 1\n", "def f():\n    return 1\n"),
    ('def f(): "Doc."', "    return 1\n", 'def f():\n    "Doc."\n    return 1\n'),
    ('def f():\n  """Doc."""', "    return 1\n", 'def f():\n  """Doc."""\n  return 1\n'),
    ("def f(a={'x': 1}, b=[lambda: 0][0]) -> 'a: b': pass\n", "    return 1\n",
     "def f(a={'x': 1}, b=[lambda: 0][0]) -> 'a: b':\n    return 1\n"),
    ("x = '😀'; y = 2\ndef f(): return '😀'\nz = 3\n", "    return 1\n",
     "x = '😀'; y = 2\ndef f():\n    return 1\nz = 3\n"),
])  # fmt: skip
def test_short_forms(text: str, body: str, after: str) -> None:
    assert target_named(text, "f").with_body(body) == after


def test_a_file_that_does_not_parse_elsewhere_is_no_obstacle() -> None:
    text = 'def broken(:\n    pass\n\ndef f(a):\n    """Do it."""\n    ...\n\nprint((\n'
    target = target_named(text, "f")
    assert target.docstring == "Do it."
    assert target.with_body("    return a\n") == text.replace("    ...\n", "    return a\n")
    assert target_at(text, 4).symbol == "f"


@pytest.mark.parametrize(("line", "symbol"), [
    (9, "Stock.total"), (15, "Stock.total"), (18, "Stock.size"), (19, "Stock.size"), (22, "fetch"),
    (27, "outer"), (28, "outer"),
])  # fmt: skip
def test_a_place_names_the_function_around_it(line: int, symbol: str) -> None:
    assert target_at(FILE, line).symbol == symbol


@pytest.mark.parametrize(("text", "symbol", "said"), [
    (FILE, "nothing", "it defines no function nothing"),
    (FILE, "inner", "it defines no function inner"),
    ("class A:\n def f(): pass\nclass B:\n def f(): pass\n", "f", "f may be A.f, B.f; name one of them"),
    ("def f(:\n", "f", "line 1 is not Python"),
    ("", "f", "it defines no function f"),
    ("\0", "f", "the file is not Python"),
])  # fmt: skip
def test_what_cannot_be_found_is_said(text: str, symbol: str, said: str) -> None:
    with pytest.raises(NoTargetError, match=said):
        target_named(text, symbol)


def test_no_function_is_around_a_line_of_none() -> None:
    with pytest.raises(NoTargetError, match="no function is around line 4"):
        target_at(FILE, 3)


def test_of_several_definitions_the_last_one_counts() -> None:
    text = "def f():\n    return 1\n\ndef f():\n    return 2\n"
    assert target_named(text, "f").with_body("    return 3\n") == text.replace("return 2", "return 3")


@pytest.mark.parametrize(("body", "expected"), [
    ("pass", True), ("...", True), ("raise NotImplementedError", True),
    ("raise NotImplementedError('x')", True),
    ("'''Doc.'''", True), ("'''Doc.'''\n    pass", True), ("return 1", False),
    ("{'a': 1}", True), ("xxx", True), ("print(1)", False), ("yield", False), ("raise ValueError", False),
    ("'''Doc.'''\n    return", False),
])  # fmt: skip
def test_a_stub_does_nothing(body: str, expected: bool) -> None:  # noqa: FBT001
    assert is_stub(f"def f():\n    {body}\n", "f") is expected


def test_stubs_are_those_that_say_what_they_do() -> None:
    text = FILE + "\n\ndef later(a):\n    pass\n"
    assert [target.symbol for target in stubs(text)] == ["Stock.total"]


DEEP = "1 + " * 1_500 + "1"
"""CPython reads it, and cannot write it down."""


@pytest.mark.parametrize(
    "beside",
    [
        "if a: pass\nel" * 1_500 + "se: pass",
        f"def deep(a={DEEP}): pass",
        f"def deep(a) -> {DEEP}: pass",
        f"class Deep({DEEP}):\n    def method(self): pass",
        f"x = {DEEP}",
    ],
)
def test_what_nests_deep_is_no_obstacle(beside: str) -> None:
    text = f"{beside}\n\n\ndef f(a):\n    pass\n"
    assert target_named(text, "f").with_body("    return a").endswith("def f(a):\n    return a\n")
    for place in places(text):
        assert target_at(text, place.line).symbol == place.symbol


def library() -> list[Path]:
    return sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::7]


@pytest.mark.parametrize("path", library(), ids=lambda path: path.stem)
def test_every_function_of_the_standard_library_can_be_given_its_own_body_again(path: Path) -> None:
    """Put back as a draft, a body gives a file with the same syntax tree."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    functions = [
        (node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for name, _ in functions[:8]:
        target = target_named(text, name)
        assert ast.dump(ast.parse(target.with_body(body_of(text, target)))) == ast.dump(tree)


def body_of(text: str, target: Target) -> str:
    """Return what `with_body` takes away, as whole lines."""
    body = text[len(target.head) : len(text) - len(target.tail)] if text.startswith(target.head) else ""
    return body or "    " + text.split("\n")[target.line].partition("):")[2].strip() + "\n"


@given(st.text(alphabet="def f():\n\t ab\"'#\\", max_size=60))
def test_whatever_the_text_it_is_a_target_or_an_error(text: str) -> None:
    try:
        target = target_at(text, 0)
    except NoTargetError:
        return
    assert target.with_body("    return 1\n").startswith(target.head)
