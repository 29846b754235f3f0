"""What a test tests: the functions of its project that it calls, found by reading and never by running."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.context.target import Place, places

BYTES_MAX = 1_000_000
"""A file that is larger is not read."""

HOPS_MAX = 4
"""How often a name is followed from the module that it was imported from to the one that it comes from."""

_ROOTS = (".", "src", "lib")
"""Where modules of a project lie, beside the folder of the test and those above it."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A function that a test calls."""

    file: Path
    place: Place


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a name comes from: `name` of `module`, or the module itself when `name` is ""."""

    module: str
    name: str
    level: int


class ModuleOfTests:
    """A file with tests; the modules that it leads to are read once."""

    def __init__(self, text: str, file: Path, workspace: Path) -> None:
        """Read a file.

        Args:
            text: of the file.
            file: where it lies.
            workspace: the project; what lies outside is never read.
        """
        self.tests = [each for each in places(text) if _is_test(each.symbol)]
        """Functions called test..., and those of classes called Test..."""
        self._reader = _Reader(file, workspace)
        try:
            self._tree: ast.Module | None = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self._tree = None
        self._sources = dict(_imported(self._tree)) if self._tree else {}

    def functions(self, line: int) -> list[Tested]:
        """Return the functions that the test around a 0-based line calls, as it names them.

        A function of the test's own file that it calls is looked into as well. Of a class the methods that
        the test names are returned.
        """
        nodes = _with_helpers(self._tree, line) if self._tree else []
        found: dict[tuple[Path, str], Tested] = {}
        for chain, attributes in _named(nodes):
            for each in self._reader.functions(self._sources, chain, attributes):
                found.setdefault((each.file, each.place.symbol), each)
        return list(found.values())


def _is_test(symbol: str) -> bool:
    *classes, name = symbol.split(".")
    return name.startswith("test") and all(each.startswith("Test") for each in classes)


def _with_helpers(tree: ast.Module, line: int) -> list[ast.AST]:
    """Return the innermost function around a line and the functions of the file that it calls."""
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    around = [each for each in functions if _first(each) <= line < (each.end_lineno or each.lineno)]
    if not around:
        return []
    test = max(around, key=_first)
    named = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    named |= {argument.arg for argument in test.args.args}  # fixtures
    helpers = [each for each in functions if each.name in named and each is not test]
    return [test, *helpers]


def _first(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1


def _imported(tree: ast.AST) -> Iterator[tuple[str, _Source]]:
    """Yield the names that imports bind, in functions too: most names mean one thing in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield bound, _Source(alias.name if alias.asname else bound, "", 0)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, _Source(node.module or "", alias.name, node.level)


def _named(nodes: Sequence[ast.AST]) -> Iterator[tuple[list[str], frozenset[str]]]:
    """Yield the dotted names in some functions, in order, each with all attributes that are named there."""
    attributes = frozenset(
        node.attr for root in nodes for node in ast.walk(root) if isinstance(node, ast.Attribute)
    )
    for root in nodes:
        names = [node for node in ast.walk(root) if isinstance(node, ast.Name | ast.Attribute)]
        for node in sorted(names, key=lambda node: (node.lineno, node.col_offset)):
            if chain := _chain(node):
                yield chain, attributes


def _chain(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name, none of any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else []


class _Reader:
    """Follows names into the files of a project, each of which is read once."""

    def __init__(self, file: Path, workspace: Path) -> None:
        self._file = file
        self._workspace = workspace
        self._texts: dict[Path, str] = {}
        self._places: dict[Path, list[Place]] = {}

    def functions(
        self, sources: dict[str, _Source], chain: Sequence[str], attributes: frozenset[str]
    ) -> Iterator[Tested]:
        """Yield the functions that a dotted name may call; of a class those among `attributes`."""
        source = sources.get(chain[0])
        if source is None:
            return
        if source.name:
            yield from self._defined(source, self._file, attributes)
            submodule = f"{source.module}.{source.name}" if source.module else source.name
            source = _Source(submodule, "", source.level)
        for at, name in enumerate(chain[1:], start=1):
            module = ".".join([source.module, *chain[1:at]])
            yield from self._defined(_Source(module, name, source.level), self._file, attributes)

    def _defined(
        self, source: _Source, importer: Path, attributes: frozenset[str], hops: int = HOPS_MAX
    ) -> Iterator[Tested]:
        file = self._module(source, importer)
        if file is None:
            return
        found = self._places_of(file)
        for place in found:
            owner, _, method = place.symbol.rpartition(".")
            if place.symbol == source.name or (owner == source.name and method in attributes):
                yield Tested(file, place)
        if not any(place.symbol.partition(".")[0] == source.name for place in found) and hops:
            further = self._imports_of(file).get(source.name)
            if further is not None and further.name:
                yield from self._defined(further, file, attributes, hops - 1)

    def _module(self, source: _Source, importer: Path) -> Path | None:
        """Return the file of a module of the project; None: it is somebody else's."""
        parts = [part for part in source.module.split(".") if part]
        if source.level:
            up = importer.parents[source.level - 1] if source.level <= len(importer.parents) else None
            roots = [up] if up else []
        else:
            above = [each for each in importer.parents if each.is_relative_to(self._workspace)]
            roots = [*above, *(self._workspace / name for name in _ROOTS)]
        for root in roots:
            base = root.joinpath(*parts)
            for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
                if self._is_ours(file):
                    return file
        return None

    def _is_ours(self, file: Path) -> bool:
        try:
            return (
                file.resolve().is_relative_to(self._workspace.resolve())
                and file.is_file()
                and file.stat().st_size <= BYTES_MAX
            )
        except (OSError, ValueError):
            return False

    def _text(self, file: Path) -> str:
        if file not in self._texts:
            try:
                self._texts[file] = file.read_text("utf-8")
            except (OSError, ValueError):
                self._texts[file] = ""
        return self._texts[file]

    def _places_of(self, file: Path) -> list[Place]:
        if file not in self._places:
            self._places[file] = places(self._text(file))
        return self._places[file]

    def _imports_of(self, file: Path) -> dict[str, _Source]:
        try:
            return dict(_imported(ast.parse(self._text(file))))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}
