"""Which functions a test tests."""

from pathlib import Path

import pytest

from cope_lsp.context.tested import ModuleOfTests

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


def found(project: Path, text: str, name: str = "tests/test_shop.py") -> list[str]:
    """Return what the test at the cursor, ^, tests."""
    before, _, after = text.partition("^")
    file = project / name
    each = ModuleOfTests(before + after, file, project).functions(before.count("\n"))
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


@pytest.mark.parametrize("text", ["def test_it(:\n", "\0", "def test_it():\n    (" + "(" * 5_000])
def test_what_is_no_python_tests_nothing(project: Path, text: str) -> None:
    module = ModuleOfTests(text, project / "test_it.py", project)
    assert (module.functions(0), module.tests) == ([], [])


def test_modules_that_import_one_another_come_to_an_end(project: Path) -> None:
    (project / "one.py").write_text("from two import ghost\n")
    (project / "two.py").write_text("from one import ghost\n")
    assert found(project, "from one import ghost\n\n\ndef test_it():\n    ^ghost()\n") == []


def test_a_file_that_is_large_or_no_text_is_not_read(project: Path) -> None:
    (project / "large.py").write_text("def large():\n    return 1\n" + "#" * 1_000_000)
    (project / "binary.py").write_bytes(b"def binary():\n    return '\xff'\n")
    text = "from large import large\nfrom binary import binary\n\n\ndef test_it():\n    ^large(), binary()\n"
    assert found(project, text) == []


def test_tests_are_functions_and_methods_of_test_classes(project: Path) -> None:
    text = """def test_a(): ...
def helper(): ...
class TestB:
    def test_c(self): ...
class B:
    def test_d(self): ...
"""
    assert [each.symbol for each in ModuleOfTests(text, project / "test_it.py", project).tests] == [
        "test_a",
        "TestB.test_c",
    ]
