"""The corpus: permissively licensed Python source that is installed beside the recipe anyway."""

import ast
import hashlib
import json
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from cope_lsp.egress.redact import secrets_in
from training.benchmarks import Benchmarks
from training.recipe import SPECIAL_TOKENS, Ingredients

STANDARD_LIBRARY = "cpython-stdlib"

PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC)\b", re.IGNORECASE)
COPYLEFT = re.compile(r"GPL|MPL|Mozilla|Lesser|Affero|CDDL|EPL", re.IGNORECASE)
GENERATED = re.compile(
    r"generated (by|from|automatically)|automatically generated|do not edit", re.IGNORECASE
)

# Folders of tests, of data in the shape of code, and of other people's code.
SKIPPED_FOLDERS = """
    test tests testing idle_test lib2to3 idlelib turtledemo encodings pydoc_data site-packages
    dist-packages _vendor vendor vendored _vendored third_party externals _pyinstaller typeshed
    __pycache__ ensurepip
"""
SKIPPED = frozenset(SKIPPED_FOLDERS.split())
LETTERS_SHARE_MIN = 0.45
SEEN_LINES_SHARE_MAX = 0.6
LONG_LINE_CHARS = 24


@dataclass(frozen=True)
class SourceFile:
    """One file of the corpus; `path` is relative to its source and uses forward slashes."""

    source: str
    path: str
    text: str


@dataclass(frozen=True)
class Source:
    """A named collection of files under one licence."""

    name: str
    version: str
    licence: str
    files: tuple[SourceFile, ...]


@dataclass(frozen=True)
class Corpus:
    """All sources, and how many files were dropped for each reason that has nothing to do with quality."""

    sources: tuple[Source, ...]
    dropped: dict[str, int]
    benchmark_runs: int = 0
    """How many runs of words of benchmarks were looked for."""


def collect(ingredients: Ingredients, benchmarks: Benchmarks) -> Corpus:
    """Return all sources in a fixed order, filtered, capped and without duplicates."""
    sieve = Sieve(ingredients, benchmarks)
    sources = [_standard_library(sieve)]
    for name in ingredients.distributions:
        source = _distribution(name, sieve, ingredients.distribution_bytes_max)
        if source is not None and source.files:
            sources.append(source)
    return Corpus(tuple(sources), sieve.dropped, len(benchmarks))


def save(corpus: Corpus, path: Path) -> None:
    """Write the collection, so that a resumed run sees the same one; a kill leaves no half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(corpus)), encoding="utf-8")
    fresh.replace(path)


def load(path: Path) -> Corpus:
    """Read the collection that `save` wrote."""
    read = json.loads(path.read_text(encoding="utf-8"))
    sources = (
        Source(**{**item, "files": tuple(SourceFile(**file) for file in item["files"])})
        for item in read["sources"]
    )
    return Corpus(tuple(sources), read["dropped"], read["benchmark_runs"])


def split(sources: Sequence[Source], percent: int) -> tuple[list[SourceFile], list[SourceFile]]:
    """Return the files to train on and those held out, in the order of the sources."""
    files = [file for source in sources for file in source.files]
    kept = [file for file in files if not is_held_out(file, percent)]
    return kept, [file for file in files if is_held_out(file, percent)]


def is_held_out(file: SourceFile, percent: int) -> bool:
    """Tell whether the hash of the file's path puts it into the held-out part."""
    digest = hashlib.sha256(f"{file.source}/{file.path}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def is_permissive(licence: str) -> bool:
    """Tell whether a licence names a permissive licence and none that asks for more."""
    return bool(PERMISSIVE.search(licence)) and not COPYLEFT.search(licence)


def is_wanted_path(path: str) -> bool:
    """Tell whether a relative path is Python, neither a test nor somebody else's copy."""
    *folders, name = path.split("/")
    if any(folder in SKIPPED or folder.endswith("-info") for folder in folders):
        return False
    is_test = name == "conftest.py" or name.startswith(("test_", "_sysconfigdata"))
    return name.endswith(".py") and not is_test


def is_wanted_text(text: str, ingredients: Ingredients) -> bool:
    """Tell whether a text is hand-written Python of a fair size, and not a table of data."""
    if not ingredients.file_bytes_min <= len(text.encode()) <= ingredients.file_bytes_max:
        return False
    if any(token in text for token in SPECIAL_TOKENS) or GENERATED.search(text[:2_000]):
        return False
    if max(map(len, text.splitlines())) > ingredients.line_chars_max:
        return False
    visible = [character for character in text if not character.isspace()]
    letters = sum(character.isalpha() or character == "_" for character in visible)
    return letters >= LETTERS_SHARE_MIN * len(visible) and parses(text)


def parses(text: str) -> bool:
    """Tell whether this interpreter's own parser accepts the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True


class SeenLines:
    """Remembers long lines, to recognise a file that is mostly a copy of earlier ones."""

    def __init__(self) -> None:
        self._lines: set[bytes] = set()

    def admit(self, text: str) -> bool:
        """Tell whether most long lines are new; if so, they count as seen from now on."""
        stripped = {line.strip() for line in text.splitlines()}
        long_lines = (line for line in stripped if len(line) >= LONG_LINE_CHARS)
        lines = {hashlib.sha256(line.encode()).digest()[:8] for line in long_lines}
        if len(lines & self._lines) > SEEN_LINES_SHARE_MAX * len(lines):
            return False
        self._lines |= lines
        return True


class Sieve:
    """Decides on each text in turn, and counts what it drops for what is in it."""

    def __init__(self, ingredients: Ingredients, benchmarks: Benchmarks) -> None:
        self.dropped = {"secrets": 0, "benchmarks": 0}
        self._ingredients = ingredients
        self._benchmarks = benchmarks
        self._seen = SeenLines()

    def admit(self, text: str) -> bool:
        """Tell whether a text is good to learn from and no copy of an earlier one."""
        if not is_wanted_text(text, self._ingredients):
            return False
        if secrets_in(text):
            self.dropped["secrets"] += 1
            return False
        if self._benchmarks.overlap(text):
            self.dropped["benchmarks"] += 1
            return False
        return self._seen.admit(text)


def _standard_library(sieve: Sieve) -> Source:
    root = Path(sysconfig.get_path("stdlib"))
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    files = tuple(_admitted(STANDARD_LIBRARY, root, paths, sieve))
    version = ".".join(map(str, sys.version_info[:3]))
    return Source(STANDARD_LIBRARY, version, "PSF-2.0", files)


def _distribution(name: str, sieve: Sieve, bytes_max: int) -> Source | None:
    try:
        installed = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    licence = _licence(installed)
    if not is_permissive(licence):
        return None
    root = Path(str(installed.locate_file("")))
    paths = sorted(path.as_posix() for path in installed.files or ())
    files = _capped(_admitted(name, root, paths, sieve), bytes_max)
    return Source(name, installed.version, licence, tuple(files))


def _licence(installed: metadata.Distribution) -> str:
    """The licence in the metadata: an expression, else classifiers, else the field's first line."""
    fields = installed.metadata.json
    expression = fields.get("license_expression")
    if expression:
        return str(expression)
    lines = [line for line in fields.get("classifier", ()) if line.startswith("License")]
    named = [line.split(" :: ")[-1] for line in lines if not line.endswith("OSI Approved")]
    field = str(fields.get("license") or "unknown")
    return " and ".join(named) or field.strip().splitlines()[0][:80]


def _admitted(source: str, root: Path, paths: list[str], sieve: Sieve) -> Iterator[SourceFile]:
    for path in filter(is_wanted_path, paths):
        text = _read(root / path)
        if text is not None and sieve.admit(text):
            yield SourceFile(source, path, text)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").replace("\t", "    ")
    except (OSError, UnicodeDecodeError):
        return None


def _capped(files: Iterator[SourceFile], bytes_max: int) -> Iterator[SourceFile]:
    """The files in the order of their hashes, so that a cap takes its share of every folder."""
    left = bytes_max
    for file in sorted(files, key=lambda file: hashlib.sha256(file.path.encode()).digest()):
        size = len(file.text.encode())
        if size <= left:
            left -= size
            yield file
