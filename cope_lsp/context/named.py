"""What the code near a cursor names, and what its file imports: in any language, by words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINES_BEFORE = 30
LINES_AFTER = 10
NAMES_MAX = 60
MODULES_MAX = 100
HEAD_CHARACTERS = 50_000
"""Imports stand at the beginning of a file; more of it is not looked at."""

_WORD = re.compile(r"[^\W\d]\w{2,}")
_ENDS = re.compile(r"\.(?:py|pyi|[cm]?[jt]sx?|h|hh|hpp|hxx|rb|lua|php|go|rs)$")
_IMPORTS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # Python
        r"^[ \t]*from[ \t]+(?P<module>[.\w]+)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]+)",
        # Python, Java, Haskell and their like
        r"^[ \t]*import[ \t]+(?:static[ \t]+)?(?P<module>[\w.]+)(?P<names>(?:[ \t]+as[ \t]+\w+)?)",
        # JavaScript and TypeScript
        r"^[ \t]*(?:import|export)\s+(?P<names>[^;'\"]*?)\s*from\s*['\"](?P<module>[^'\"\n]+)['\"]",
        (
            r"\b(?:const|let|var|local)\s+(?P<names>\{[^}]*\}|\w+)\s*=\s*"
            r"require\s*\(?\s*['\"](?P<module>[^'\"\n]+)"
        ),
        # C, Ruby, PHP
        r"^[ \t]*#[ \t]*include[ \t]+[<\"](?P<module>[^>\"\n]+)(?P<names>)",
        (
            r"^[ \t]*(?:require|require_relative|include|require_once|source)\b[ (]*['\"]?"
            r"(?P<module>[\w./\-]+)(?P<names>)"
        ),
        # Rust, C#, PHP
        (
            r"^[ \t]*(?:pub[ \t]+)?(?:use|using)[ \t]+(?P<module>[\w:.\\]+?)(?:::)?"
            r"(?P<names>\{[^}]*\}|(?=[\s;]))"
        ),
        # Go
        r"^[ \t]*(?:import[ \t]+)?(?:\w+[ \t]+)?\"(?P<module>[\w./\-]+)\"(?P<names>)[ \t]*$",
    )
)
_RENAMED = re.compile(r"(\w+)\s*(?:\bas\b|:)\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Named:
    """What is named near a cursor."""

    names: tuple[str, ...]
    """As they are defined elsewhere: those that the file imports first, of these the nearest first."""
    modules: tuple[str, ...]
    """What the file imports, as paths without dots at their heads and without ends."""


def named_near(text: str, offset: int) -> Named:
    """Return what is named in the lines around `offset` (code points), and what the file imports."""
    originals: dict[str, str] = {}
    modules: dict[str, None] = {}
    for module, names in _imports(text[:HEAD_CHARACTERS]):
        renamed = {alias: name for name, alias in _RENAMED.findall(names)}
        for name in _WORD.findall(names):
            originals.setdefault(name, renamed.get(name, name))
            modules[f"{module}/{name}".lstrip("/")] = None
        if module:
            last = module.rpartition("/")[2]
            originals.setdefault(last, last)
            modules[module] = None
    near = _nearest(text, offset)
    imported = [originals[name] for name in near if name in originals]
    unique = dict.fromkeys([*imported, *near])
    return Named(tuple(unique)[:NAMES_MAX], tuple(modules)[:MODULES_MAX])


def lines_around(text: str, offset: int, before: int, after: int) -> tuple[int, int]:
    """Return where the line of `offset` with some lines before and after it begins and ends in `text`."""
    start = text.rfind("\n", 0, offset) + 1
    for _ in range(before):
        if start == 0:
            break
        start = text.rfind("\n", 0, start - 1) + 1
    end = text.find("\n", offset)
    for _ in range(after):
        if end < 0:
            break
        end = text.find("\n", end + 1)
    return start, len(text) if end < 0 else end + 1


def _imports(text: str) -> Iterator[tuple[str, str]]:
    for pattern in _IMPORTS:
        for match in pattern.finditer(text):
            yield _as_path(match["module"]), match["names"]


def _as_path(module: str) -> str:
    path = _ENDS.sub("", module.replace("::", "/").replace("\\", "/"))
    if "/" not in path:
        path = path.lstrip(".").replace(".", "/")
    parts = [part for part in path.split("/") if part not in {"", ".", "..", "crate", "self", "super"}]
    return "/".join(parts)


def _nearest(text: str, offset: int) -> list[str]:
    """Return the words around a place, once each, the nearest first; not the one that is being written."""
    start, end = lines_around(text, offset, LINES_BEFORE, LINES_AFTER)
    found: dict[str, int] = {}
    for match in _WORD.finditer(text, start, end):
        if match.start() < offset <= match.end():
            continue
        away = offset - match.end() if match.end() < offset else match.start() - offset
        found[match[0]] = min(away, found.get(match[0], away))
    return sorted(found, key=found.__getitem__)
