"""The shape of the code, as docs/architecture.md describes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cope_lsp"
MODULES = [path for path in PACKAGE.rglob("*.py") if "sample" not in path.parts]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN_MAX = 10


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for_and_stays_small(path: Path) -> None:
    text = path.read_text("utf-8")
    if path.name == "__init__.py":
        assert not text.strip(), "package files are empty"
        return
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= FILE_LINES_MAX
    for function in functions(path):
        assert length(function) <= FUNCTION_LINES_MAX, function.name


def test_most_functions_fit_on_a_glance() -> None:
    assert median(length(f) for path in MODULES for f in functions(path)) <= FUNCTION_LINES_MEDIAN_MAX


def test_every_part_of_the_package_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in PACKAGE.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert f"`{path.name}/`" in page
        elif path.suffix == ".py" and path.stem not in {"__init__", "__main__", "version"}:
            assert f"`{path.name}`" in page


def test_every_name_on_the_map_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in re.findall(r"`(\w+(?:/\w+)*(?:\.py|/))`", page):
        assert (PACKAGE / name).exists() or (ROOT / name).exists(), name


def test_every_layer_is_under_the_import_contract() -> None:
    contract = (ROOT / "pyproject.toml").read_text("utf-8")
    for path in PACKAGE.iterdir():
        name = path.stem if path.suffix == ".py" else path.name
        if path.suffix in {"", ".py"} and name not in {"__init__", "__pycache__"}:
            assert re.search(rf'[" |]{name}[" |]', contract), name
