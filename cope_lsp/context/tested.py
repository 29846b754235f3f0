"""What a test tests: the functions of its project that it calls, found by reading and never by running.

The repository may be anybody's, so everything has a limit: what is beyond it is not found.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cope_lsp.context.target import CHARACTERS_MAX, Place, parsed, places_in

CHARACTERS_IN_ALL_MAX = 1_000_000
"""So much of the project is read in one go."""

HOPS_MAX = 4
"""How often a name is followed from the module that it was imported from to the one that it comes from."""

HELPERS_MAX = 20
"""Functions of its own file that a test is followed into."""

NAMES_MAX = 200
"""Dotted names of a test and its helpers that are followed."""

DOTS_MAX = 8

_UTF8_BYTES_MAX = 4
_ROOTS = (".", "src", "lib")
"""Where modules of a project lie, beside the folder of the test and those above it."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


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
    """A file with tests, read once however many of them are asked about."""

    def __init__(self, text: str, file: Path) -> None:
        """Read a file; one that is too long or no Python has no tests.

        Args:
            text: of the file.
            file: where it lies.
        """
        self.file = file
        self._module = _Module.of(text)
        self.tests = [each for each in self._module.places if _is_test(each.symbol)]
        """Functions called test..., and those of classes called Test..."""

    def functions(self, line: int, project: "Project") -> list[Tested]:
        """Return the functions that the test around a 0-based line calls, as it names them.

        A function of the test's own file that it calls is looked into as well. Of a class the methods that
        the test names are returned.
        """
        called = self._module.with_helpers(line)
        attributes = frozenset().union(*(each.attributes for each in called))
        chains = dict.fromkeys(chain for each in called for chain in each.chains)
        sources = self._module.sources
        found: dict[tuple[Path, str], Tested] = {}
        for chain in [chain for chain in chains if chain[0] in sources][:NAMES_MAX]:
            for each in project.functions(sources[chain[0]], chain, attributes, self.file):
                found.setdefault((each.file, each.place.symbol), each)
        return list(found.values())


class Project:
    """The files of a project as they are now: each is read once in the life of this object."""

    def __init__(self, folder: Path, opened: Mapping[Path, str]) -> None:
        """Take a project.

        Args:
            folder: of the project; what lies outside is never read.
            opened: the texts that an editor holds of its files, which count more than those on the disk.
        """
        self._folder = folder
        self._named = opened
        self._room = CHARACTERS_IN_ALL_MAX
        self._modules: dict[Path, _Module] = {}
        self._files: dict[tuple[str, int, Path], Path | None] = {}

    @cached_property
    def _real_folder(self) -> Path | None:
        return _resolved(self._folder)

    @cached_property
    def _opened(self) -> dict[Path, str]:
        """The texts by where their names lead."""
        return {real: text for file, text in self._named.items() if (real := _resolved(file))}

    def functions(
        self, source: _Source, chain: Sequence[str], attributes: frozenset[str], importer: Path
    ) -> Iterator[Tested]:
        """Yield the functions that a dotted name may call; of a class those among `attributes`.

        Args:
            source: of the first part of the name.
            chain: all its parts.
            attributes: every attribute that is named near it.
            importer: the file in which it is named.
        """
        if source.name:
            yield from self._defined(source, importer, attributes)
            submodule = f"{source.module}.{source.name}" if source.module else source.name
            source = _Source(submodule, "", source.level)
        for at, name in enumerate(chain[1:], start=1):
            module = ".".join([source.module, *chain[1:at]])
            yield from self._defined(_Source(module, name, source.level), importer, attributes)

    def _defined(
        self, source: _Source, importer: Path, attributes: frozenset[str], hops: int = HOPS_MAX
    ) -> Iterator[Tested]:
        file = self._file(source, importer)
        if file is None:
            return
        module = self._module(file)
        if methods := module.defined.get(source.name):
            for name in sorted(methods.keys() & {"", *attributes}, key=lambda name: methods[name].line):
                yield Tested(file, methods[name])
        elif hops and (further := module.sources.get(source.name)) is not None and further.name:
            yield from self._defined(further, file, attributes, hops - 1)

    def _file(self, source: _Source, importer: Path) -> Path | None:
        """Return the file of a module of the project; None: it is somebody else's."""
        key = source.module, source.level, importer
        if key not in self._files:
            self._files[key] = next(filter(self._is_ours, self._candidates(source, importer)), None)
        return self._files[key]

    def _candidates(self, source: _Source, importer: Path) -> Iterator[Path]:
        above = [each for each in importer.parents if each.is_relative_to(self._folder)]
        if source.level:  # of `from .. import`
            roots = above[source.level - 1 : source.level]
        else:
            roots = [*above, *(self._folder / name for name in _ROOTS)]
        parts = [part for part in source.module.split(".") if part]
        for root in roots:
            if parts:
                yield root.joinpath(*parts[:-1], f"{parts[-1]}.py")
            yield root.joinpath(*parts, "__init__.py")

    def _is_ours(self, file: Path) -> bool:
        real = _resolved(file)
        if real is None or self._real_folder is None or not real.is_relative_to(self._real_folder):
            return False
        try:
            return real in self._opened or file.is_file()
        except OSError:
            return False

    def _module(self, file: Path) -> "_Module":
        if file not in self._modules:
            text = self._text(file)
            self._room -= len(text)
            self._modules[file] = _Module.of(text if self._room >= 0 else "")
        return self._modules[file]

    def _text(self, file: Path) -> str:
        try:
            if (opened := self._opened.get(file.resolve())) is not None:
                return opened
            if file.stat().st_size > CHARACTERS_MAX * _UTF8_BYTES_MAX:
                return ""
            return file.read_text("utf-8-sig")
        except (OSError, RuntimeError, ValueError):
            return ""


def _resolved(path: Path) -> Path | None:
    """Return where a path leads; None: nowhere, as in a loop of links, or to no name that a disk can hold."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


@dataclass(frozen=True)
class _Module:
    """A file that was parsed; each question to it is answered once."""

    tree: ast.Module

    @classmethod
    def of(cls, text: str) -> "_Module":
        """Parse a text; one that is too long or no Python is like an empty one."""
        tree = parsed(text) if len(text) <= CHARACTERS_MAX else None
        return cls(tree or ast.Module([], []))

    @cached_property
    def places(self) -> list[Place]:
        return places_in(self.tree)

    @cached_property
    def defined(self) -> dict[str, dict[str, Place]]:
        """What each name at the top level defines: itself, under "", or methods; of several the last one."""
        found: dict[str, dict[str, Place]] = {}
        for place in self.places:
            owner, _, method = place.symbol.rpartition(".")
            if not owner:
                found[method] = {"": place}
            else:
                found.setdefault(owner, {})[method] = place
        return found

    @cached_property
    def sources(self) -> dict[str, _Source]:
        """Where the names come from that imports bind, in functions too: most mean one thing in a file."""
        return dict(_imported(self.tree))

    @cached_property
    def functions(self) -> "list[_Named]":
        return [_Named(node) for node in ast.walk(self.tree) if isinstance(node, _Function)]

    @cached_property
    def _by_name(self) -> "dict[str, list[_Named]]":
        found: dict[str, list[_Named]] = {}
        for each in self.functions:
            found.setdefault(each.node.name, []).append(each)
        return found

    def with_helpers(self, line: int) -> "list[_Named]":
        """Return the innermost function around a 0-based line and the functions of the file that it calls."""
        around = [each for each in self.functions if each.first <= line <= each.last]
        if not around:
            return []
        test = max(around, key=lambda each: each.first)
        helpers = [each for name in test.called for each in self._by_name.get(name, ()) if each is not test]
        return [test, *helpers[:HELPERS_MAX]]


@dataclass(frozen=True)
class _Named:
    """A function and what it names, which is looked for once."""

    node: _Function

    @property
    def first(self) -> int:
        """0-based, of its decorators."""
        return min([self.node.lineno, *(each.lineno for each in self.node.decorator_list)]) - 1

    @property
    def last(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - 1

    @cached_property
    def _names(self) -> list[ast.Name | ast.Attribute]:
        return [node for node in ast.walk(self.node) if isinstance(node, ast.Name | ast.Attribute)]

    @cached_property
    def attributes(self) -> frozenset[str]:
        return frozenset(node.attr for node in self._names if isinstance(node, ast.Attribute))

    @cached_property
    def chains(self) -> list[tuple[str, ...]]:
        """The dotted names, in the order of the text."""
        in_order = sorted(self._names, key=lambda node: (node.lineno, node.col_offset))
        return [chain for node in in_order if (chain := _chain(node))]

    @cached_property
    def called(self) -> list[str]:
        """What may be a function of its own file: a name, a fixture, or a method of its own class."""
        arguments = self.node.args
        fixtures = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        own = (chain[1] for chain in self.chains if len(chain) > 1 and chain[0] in {"self", "cls"})
        return list(
            dict.fromkeys([*(each.arg for each in fixtures), *(each[0] for each in self.chains), *own])
        )


def _is_test(symbol: str) -> bool:
    *classes, name = symbol.split(".")
    return name.startswith("test") and all(each.startswith("Test") for each in classes)


def _imported(tree: ast.AST) -> Iterator[tuple[str, _Source]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield bound, _Source(alias.name if alias.asname else bound, "", 0)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, _Source(node.module or "", alias.name, node.level)


def _chain(node: ast.expr) -> tuple[str, ...]:
    """Return the parts of a dotted name, none of any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < DOTS_MAX:
        parts.insert(0, node.attr)
        node = node.value
    return (node.id, *parts) if isinstance(node, ast.Name) else ()
