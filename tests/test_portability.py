"""cope-lsp runs where Python runs, and loads nothing heavy before it is wanted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cope_lsp"

NATIVE = {"cope_lsp.engine.llama", "cope_lsp.engine.scheduler", "cope_lsp.engine.service"}
"""These load llama.cpp, and nothing but the engine's process may load them."""

CAGED = {
    *("cope_lsp.checks.cage.walls", "cope_lsp.checks.cage.keeper"),
    *("cope_lsp.checks.suite.keeper", "cope_lsp.checks.suite.root"),
}
"""These run in a cage of Linux, and nothing outside may load them."""

WITHOUT_POSIX = """
import builtins, importlib, json, sys

# Modules that Windows has not. They cannot simply be taken away here: on this system Python's own library
# (`asyncio`, `subprocess`, `pathlib`, `shutil`, ...) imports some of them, as it is free to, and has done so
# already when this line runs. Therefore every import statement is looked at, and only one that stands in
# cope-lsp itself fails.
POSIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios"}
import_it = builtins.__import__


def import_unless_ours(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if name.partition(".")[0] in POSIX_ONLY and importer.partition(".")[0] == "cope_lsp":
        raise ImportError(f"{importer} imports {name}")
    return import_it(name, globals, locals, fromlist, level)


builtins.__import__ = import_unless_ours
failed = []
for module in json.loads(sys.argv[1]):
    try:
        importlib.import_module(module)
    except ImportError as error:
        failed.append(str(error))
print(json.dumps(failed))
"""

LOADED = """
import importlib, json, sys

importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def modules() -> list[str]:
    """Return the modules of the package. `__main__` is not among them: to import it is to run it."""
    files = (path for path in PACKAGE.rglob("*.py") if "sample" not in path.parts)
    parts = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in files)
    names = {".".join(part for part in path if part != "__init__") for path in parts}
    return sorted(names - NATIVE - CAGED - {"cope_lsp.__main__"})


def printed(script: str, argument: str) -> list[str]:
    """Run `script` in a fresh Python and return the list that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, argument], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_no_module_needs_what_windows_has_not() -> None:
    assert "cope_lsp.engine.worker" in modules()
    assert printed(WITHOUT_POSIX, json.dumps(modules())) == []


@pytest.mark.parametrize(
    "statement", ["import fcntl", "import resource as r", "from pwd import getpwnam", "import grp, termios"]
)
def test_such_a_need_would_be_noticed(statement: str, tmp_path: Path) -> None:
    """The test above finds what it looks for, though this Python has the module and may have loaded it."""
    (tmp_path / "needy.py").write_text(statement)
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    script = path + WITHOUT_POSIX.replace('== "cope_lsp"', '== "needy"')
    assert printed(script, '["needy"]') == [f"needy imports {statement.split()[1].strip(',')}"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("cope_lsp.server.build", {"llama_cpp", "numpy", "tree_sitter"}),
        ("cope_lsp.assistant", {"llama_cpp", "numpy", "tree_sitter", "pygls", "lsprotocol", "rich"}),
        ("cope_lsp.engine.worker", {"llama_cpp", "numpy", "tree_sitter", "pygls", "lsprotocol", "rich"}),
        (
            "cope_lsp.cli.main",
            {"llama_cpp", "numpy", "tree_sitter", "pygls", "lsprotocol", "rich", "asyncio"},
        ),
        ("cope_lsp.cli.serve", {"llama_cpp", "numpy", "tree_sitter", "pygls", "lsprotocol", "rich"}),
        ("cope_lsp.checks.syntax.check", {"tree_sitter"}),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_wanted(module: str, heavy: set[str]) -> None:
    assert not heavy & set(printed(LOADED, module))
