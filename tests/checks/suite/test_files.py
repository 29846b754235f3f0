"""Which files are tests of a symbol, and which a draft may not touch."""

from pathlib import Path

import pytest

from cope_lsp.checks.suite.files import BYTES_MAX, FILES_MAX, find_tests, is_protected, tampered
from tests.checks.suite.repository import write


def test_tests_that_name_the_symbol_come_before_those_that_import_its_module(tmp_path: Path) -> None:
    write(
        tmp_path,
        tests__test_b="from shop.cart import Cart\n",
        tests__test_z="Cart().total()\n",
        tests__deep__a_test="import shop.cart as c\nc.Cart.total\n",
        test_other="import cartography\ntotals = subtotal = 1\n",
        tests__helper="total",
        venv__x__test_a="total",
        node_modules__x__test_a="total",
        hidden="total",
    )
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "test_a.py").write_text("total")
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "env" / "test_a.py").write_text("total")
    (tmp_path / "tests" / "test_large.py").write_text("total\n" * BYTES_MAX)
    naming, importing = find_tests(tmp_path, "shop/cart.py", "Cart.total")
    assert naming == ["tests/deep/a_test.py", "tests/test_z.py"]
    assert importing == ["tests/test_b.py"]


def test_of_a_package_its_name_is_looked_for(tmp_path: Path) -> None:
    write(tmp_path, test_a="import shop\n", test_b="import other\n")
    assert find_tests(tmp_path, "shop/__init__.py", "f") == ([], ["test_a.py"])


def test_there_is_a_most(tmp_path: Path) -> None:
    write(tmp_path, **{f"test_{n:03}": "import cart" if n < 50 else "total" for n in range(55)})
    naming, importing = find_tests(tmp_path, "cart.py", "total")
    assert len(naming) == 5
    assert len(naming) + len(importing) == FILES_MAX


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("test_a.py", True),
        ("a/b_test.py", True),
        ("a/conftest.py", True),
        ("pytest.ini", True),
        ("a/pyproject.toml", True),
        ("setup.cfg", True),
        ("tox.ini", True),
        ("x.pth", True),
        ("a/__pycache__/conftest.cpython-311.pyc", True),
        ("a/__pycache__/cart.cpython-311.pyc", False),
        ("a/cart.py", False),
        ("tests/__init__.py", False),
        ("latest_a.py", False),
    ],
)
def test_what_decides_on_tests_is_protected(path: str, *, expected: bool) -> None:
    assert is_protected(path) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("tests/unit/test_a.py", True),
        ("tests/unit/data/expected.json", True),
        ("tests/unit/data/new.json", False),
        ("tests/unit", True),
        ("tests", True),
        ("tests/data.json", False),
        ("conftest.py", True),
        ("README.md", False),
        ("cart.py", False),
    ],
)
def test_a_run_may_not_change_what_lies_beside_its_tests(
    tmp_path: Path, change: str, *, expected: bool
) -> None:
    (tmp_path / "tests/unit/data").mkdir(parents=True)
    for name in ("tests/unit/data/expected.json", "tests/data.json", "README.md", "cart.py"):
        (tmp_path / name).touch()
    assert bool(list(tampered([change], ["tests/unit/test_a.py", "test_b.py"], tmp_path))) == expected
