"""Which functions a test tests."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cope_lsp.context.target import CHARACTERS_MAX
from cope_lsp.context.tested import CHARACTERS_IN_ALL_MAX, HELPERS_MAX, NAMES_MAX, ModuleOfTests, Project

SHOP = '''from .money import rounded


def total(prices):
    """Add up the prices."""
    ...


def average(prices):
    return total(prices) / len(prices)


class Cart:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)

    def count(self):
        return len(self.items)
'''
MONEY = "def rounded(amount):\n    return round(amount, 2)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "shop/__init__.py": "from .goods import total as total_of\nfrom .goods import Cart\n",
        "shop/goods.py": SHOP,
        "shop/money.py": MONEY,
        "src/tools/__init__.py": "",
        "src/tools/text.py": "def shout(text):\n    return text.upper()\n",
        "plain.py": "def plain():\n    return 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def found(
    project: Path, text: str, name: str = "tests/test_shop.py", opened: Mapping[Path, str] | None = None
) -> list[str]:
    """Return what the test at the cursor, ^, tests."""
    before, _, after = text.partition("^")
    file = project / name
    reader = Project(project, opened or {})
    each = ModuleOfTests(before + after, file).functions(before.count("\n"), reader)
    return [f"{one.file.relative_to(project).as_posix()}:{one.place.symbol}" for one in each]


@pytest.mark.parametrize(
    ("imports", "body", "expected"),
    [
        ("from shop.goods import total", "assert total([1]) == 1", ["shop/goods.py:total"]),
        ("from shop import goods", "assert goods.total([1]) == 1", ["shop/goods.py:total"]),
        ("import shop.goods", "assert shop.goods.average([1]) == 1", ["shop/goods.py:average"]),
        ("import shop.goods as g", "assert g.average([1]) == 1", ["shop/goods.py:average"]),
        ("from shop.goods import rounded", "assert rounded(1) == 1", ["shop/money.py:rounded"]),
        ("from shop import total_of", "assert total_of([]) == 0", ["shop/goods.py:total"]),
        ("from shop import Cart", "cart = Cart()\n    cart.add(1)", ["shop/goods.py:Cart.add"]),
        ("from tools.text import shout", "assert shout('a') == 'A'", ["src/tools/text.py:shout"]),
        ("import plain", "assert plain.plain() == 1", ["plain.py:plain"]),
        ("", "from plain import plain\n    assert plain() == 1", ["plain.py:plain"]),
        ("from os.path import join", "assert join('a', 'b')", []),
        (
            "from shop.goods import total, average",
            "assert total([1]) == average([1])",
            ["shop/goods.py:total", "shop/goods.py:average"],
        ),
        ("from shop.goods import nothing", "assert nothing() is None", []),
        ("from ..shop.goods import total", "assert total([]) == 0", ["shop/goods.py:total"]),
        ("from ........shop import total", "assert total([]) == 0", []),
    ],
)  # fmt: skip
def test_a_name_is_followed_to_where_it_is_defined(
    project: Path, imports: str, body: str, expected: list[str]
) -> None:
    assert found(project, f"{imports}\n\n\ndef test_it():\n    ^{body}\n") == expected


def test_a_helper_and_a_fixture_of_the_file_are_looked_into(project: Path) -> None:
    text = """import pytest
from shop.goods import Cart, average


@pytest.fixture
def cart():
    return Cart()


def check(prices):
    assert average(prices) > 0


def test_it(cart):^
    check([1])
    assert cart.count() == 0
"""
    assert found(project, text) == ["shop/goods.py:Cart.count", "shop/goods.py:average"]


def test_the_innermost_function_counts_and_its_decorators_belong_to_it(project: Path) -> None:
    text = """import pytest
from plain import plain
from shop.goods import total


def test_other():
    plain()


class TestShop:
    @pytest.mark.slow^
    def test_it(self):
        total([])
"""
    assert found(project, text) == ["shop/goods.py:total"]
    assert found(project, text.replace("^", "").replace("import pytest", "import pytest^")) == []


def test_nothing_outside_of_the_project_is_read(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "stranger.py").write_text("def stranger():\n    return 1\n")
    (project / "linked.py").symlink_to(outside / "stranger.py")
    text = "from linked import stranger\n\n\ndef test_it():\n    ^stranger()\n"
    assert found(project, text) == []
    assert found(project, "from ...stranger import stranger\n\n\ndef test_it():\n    ^stranger()\n") == []


def test_what_an_editor_holds_of_a_file_counts_more_than_the_disk(project: Path) -> None:
    imports = "from plain import plain, fresh\nfrom new import new\n"
    text = f"{imports}\n\ndef test_it():\n    ^plain(), fresh(), new()\n"
    opened = {
        project / "plain.py": "def fresh():\n    return 2\n",
        project / "new.py": "def new():\n    return 3\n",
        project / "\0": "",
    }
    assert found(project, text) == ["plain.py:plain"]
    assert found(project, text, opened=opened) == ["plain.py:fresh", "new.py:new"]


def test_a_method_of_its_own_and_a_fixture_by_keyword_are_looked_into(project: Path) -> None:
    text = """import plain
from shop.goods import Cart, average, total


def cart():
    return Cart().count()


class TestShop:
    def check(self):
        return average([1])

    @classmethod
    def setup(cls):
        total([])

    def test_it(self, *, cart):^
        self.check()
"""
    assert found(project, text) == ["shop/goods.py:Cart.count", "shop/goods.py:average"]


def test_a_byte_order_mark_is_no_obstacle(project: Path) -> None:
    (project / "marked.py").write_text("def marked():\n    return 1\n", "utf-8-sig")
    text = "from marked import marked\n\n\ndef test_it():\n    ^marked()\n"
    assert found(project, text) == ["marked.py:marked"]


@pytest.mark.parametrize(
    "bad",
    [
        "from loop import one",
        "from loop.inner import one",
        f"from {'.' * 500} import one",
        f"from {'.' * 500}one import one",
        "from . import one",
        f"from {'x' * 300} import one",
        f"import {'a.' * 500}b as one",
        f"one = {'1 + ' * 1_500}1",
        "one = 1\n" + "if one: pass\nel" * 1_500 + "se: pass",
        f"one = {'a.' * 1_500}b",
    ],
)  # fmt: skip
def test_what_a_hostile_file_says_hides_nothing_else(project: Path, bad: str) -> None:
    (project / "loop.py").symlink_to("loop.py")
    (project / "loop").symlink_to("loop")
    (project / "deep.py").write_text(f"{bad}\nfrom plain import plain as further\n")
    calls = "def test_it():\n    ^one(one), further(), plain.plain()\n"
    text = f"{bad}\nfrom deep import further\nimport plain\n\n\n{calls}"
    assert found(project, text) == ["plain.py:plain"]


def test_a_project_in_a_loop_of_links_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    text = "from plain import plain\n\n\ndef test_it():\n    ^plain()\n"
    assert found(tmp_path / "loop", text) == []


def test_what_is_followed_is_bounded(project: Path) -> None:
    names = [f"f{number}" for number in range(NAMES_MAX + 5)]
    (project / "many.py").write_text("".join(f"def {name}(): ...\n" for name in names))
    calls = "".join(f"    {name}()\n" for name in names)
    imports = f"from many import {', '.join(names)}\n"
    assert len(found(project, f"{imports}def test_it():^\n{calls}")) == NAMES_MAX
    helpers = "".join(f"def help_{name}():\n    {name}()\n" for name in names)
    helped = "".join(f"    help_{name}()\n" for name in names)
    assert len(found(project, f"{imports}{helpers}def test_it():^\n{helped}")) == HELPERS_MAX


def test_so_much_of_a_project_is_read_and_no_more(project: Path) -> None:
    filling = "#" * (CHARACTERS_MAX - 100)
    names = [f"big{number}" for number in range(CHARACTERS_IN_ALL_MAX // CHARACTERS_MAX + 3)]
    for name in names:
        (project / f"{name}.py").write_text(f"def {name}(): ...\n{filling}")
    calls = "".join(f"    {name}.{name}()\n" for name in names)
    text = f"import {', '.join(names)}\ndef test_it():^\n{calls}"
    assert len(found(project, text)) == CHARACTERS_IN_ALL_MAX // CHARACTERS_MAX
    assert found(project, f"{text}\n{filling}{filling}") == []


def test_of_two_definitions_the_last_one_counts(project: Path) -> None:
    (project / "twice.py").write_text("def twice(): ...\n\n\ndef twice(): ...\n")
    each = ModuleOfTests("from twice import twice\ndef test_it():\n    twice()\n", project / "test_it.py")
    assert [one.place.line for one in each.functions(1, Project(project, {}))] == [3]


@pytest.mark.parametrize("text", ["def test_it(:\n", "\0", "def test_it():\n    (" + "(" * 5_000])
def test_what_is_no_python_tests_nothing(project: Path, text: str) -> None:
    module = ModuleOfTests(text, project / "test_it.py")
    assert (module.functions(0, Project(project, {})), module.tests) == ([], [])


def test_modules_that_import_one_another_come_to_an_end(project: Path) -> None:
    (project / "one.py").write_text("from two import ghost\n")
    (project / "two.py").write_text("from one import ghost\n")
    assert found(project, "from one import ghost\n\n\ndef test_it():\n    ^ghost()\n") == []


def test_a_file_that_is_large_or_no_text_is_not_read(project: Path) -> None:
    (project / "large.py").write_text("def large():\n    return 1\n" + "#" * CHARACTERS_MAX)
    (project / "larger.py").write_text("def larger():\n    return 1\n" + "#" * CHARACTERS_MAX * 4)
    (project / "binary.py").write_bytes(b"def binary():\n    return '\xff'\n")
    text = "from large import large\nfrom larger import larger\nfrom binary import binary\n"
    text += "\n\ndef test_it():\n    ^large(), larger(), binary()\n"
    assert found(project, text) == []


def test_tests_are_functions_and_methods_of_test_classes(project: Path) -> None:
    text = """def test_a(): ...
def helper(): ...
class TestB:
    def test_c(self): ...
class B:
    def test_d(self): ...
"""
    assert [each.symbol for each in ModuleOfTests(text, project / "test_it.py").tests] == [
        "test_a",
        "TestB.test_c",
    ]
