"""The shape of the code, as docs/architecture.md describes it."""

import ast
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import anthropic
import httpx2
import pytest

from cope_lsp.egress.loopback import ADDRESS
from tests.egress.outlets import outlets

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


MAY_CONNECT = {
    "checks/cage/judge.py": {"a module whose name is computed"},
    "checks/cage/keeper.py": {"a module whose name is computed"},
    "egress/completions.py": {"httpx2", "ssl"},
    "egress/download.py": {"httpx2", "ssl"},
    "egress/gate.py": {"httpx2", "ssl"},
    "egress/keyring_child.py": {"keyring"},
    "egress/loopback.py": {"h11", "http", "start_server"},
    "egress/offline.py": {"socket"},
    "engine/local_socket.py": {"socket"},
    "models/claude.py": {"anthropic"},
    "models/faults.py": {"anthropic", "httpx2", "ssl"},
    "models/standin.py": {"http"},
}
"""All that knows the network. `faults.py`, and the others of ssl, name exceptions or types only, `standin.py`
a few codes; `claude.py` is handed its transport. What `checks` imports by names that it computes is imported
in a cage."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_but_the_gate_can_open_a_connection(path: Path) -> None:
    allowed = MAY_CONNECT.get(path.relative_to(PACKAGE).as_posix(), set())
    assert outlets(path.read_text("utf-8"), allowed=frozenset(allowed)) == []


def test_faults_are_the_only_thing_that_is_taken_from_a_transport_outside_the_gate() -> None:
    tree = ast.parse((PACKAGE / "models" / "faults.py").read_text("utf-8"))
    modules = {"ssl": ssl, "httpx2": httpx2, "anthropic": anthropic}
    taken = [
        getattr(modules[node.value.id], node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
    ]
    assert taken
    assert all(issubclass(thing, Exception) for thing in taken)


def test_what_listens_does_so_on_loopback_only() -> None:
    tree = ast.parse((PACKAGE / "egress" / "loopback.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (start,) = [call for call in calls if ast.unparse(call.func) == "asyncio.start_server"]
    assert ast.unparse(start.args[1]) == "ADDRESS"
    assert ADDRESS == "127.0.0.1"


def test_sockets_of_the_engine_are_unix_sockets() -> None:
    tree = ast.parse((PACKAGE / "engine" / "local_socket.py").read_text("utf-8"))
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = {call for call in calls if call.startswith(("socket.socket(", "socket.create", "Socket("))}
    assert made == {"socket.socket(socket.AF_UNIX)"}


def test_the_sdk_gets_its_transport_from_the_gate_and_its_address_from_us() -> None:
    tree = ast.parse((PACKAGE / "models" / "claude.py").read_text("utf-8"))
    clients = [
        {keyword.arg for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("anthropic.")
    ]
    assert clients
    for given in clients:
        assert given >= {"http_client", "base_url", "api_key", "max_retries"}


LEAKS = {
    "import socket": "socket",
    "import http.client as h": "http",
    "from urllib import request": "urllib.request",
    "from urllib.request import urlopen": "urllib.request",
    "def f():\n    import requests": "requests",
    "import cope_lsp, huggingface_hub.file_download": "huggingface_hub",
    "from anyio import connect_tcp": "anyio",
    "from anthropic import Anthropic": "anthropic",
    "await asyncio.open_connection('example.com', 443)": "open_connection",
    "loop.create_connection(factory, host, 1)": "create_connection",
    "start = asyncio.start_server": "start_server",
    "from asyncio import open_connection as opened": "open_connection",
    "server.start_tcp('127.0.0.1', 1)": "start_tcp",
    "logging.handlers.HTTPHandler(host, '/')": "HTTPHandler",
    "importlib.import_module('httpx')": "httpx",
    "__import__('smtplib')": "smtplib",
    "importlib.import_module(name)": "a module whose name is computed",
    "importlib.import_module(f'{name}.x')": "a module whose name is computed",
    "subprocess.run(['curl', '-s', url])": "curl",
    "subprocess.run(['/usr/bin/wget', url])": "wget",
    "command = ('git', '-C', folder, 'fetch')": "git fetch",
    "os.system('curl https://example.com')": "curl",
    "subprocess.Popen([sys.executable, '-m', 'pip', 'install', 'x'])": "pip",
    "await asyncio.create_subprocess_exec('ssh', host)": "ssh",
}


@pytest.mark.parametrize("source", LEAKS)
def test_a_line_that_could_open_a_connection_is_found(source: str) -> None:
    assert LEAKS[source] in [outlet.what for outlet in outlets(source)]


@pytest.mark.parametrize(
    "source",
    [
        "from urllib.parse import urlsplit",
        "import asyncio, subprocess, logging.handlers",
        "from .http import answer",
        "importlib.import_module(f'cope_lsp.cli.{command}')",
        "subprocess.run(['git', '-C', folder, 'check-ignore', path])",
        "subprocess.run([sys.executable, '-P', '-m', 'cope_lsp.engine.worker'])",
        "names = ['open', 'close']",
        "open('file'); run('something')",
    ],
)
def test_what_stays_on_the_machine_is_not_a_connection(source: str) -> None:
    assert outlets(source) == []


def test_the_import_contract_breaks_when_a_module_learns_of_the_network(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "cope_lsp", ignore=shutil.ignore_patterns("*.gguf", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    window = tmp_path / "cope_lsp" / "context" / "window.py"
    window.write_text(window.read_text("utf-8") + "\nimport http.client\n", "utf-8")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cope_lsp.context.window -> http" in done.stdout
    assert "The network is behind the gate BROKEN" in done.stdout
