"""What the code near a cursor names, and what its file imports: in any language, by words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

LINES_BEFORE = 30
LINES_AFTER = 10
NAMES_MAX = 60
MODULES_MAX = 100
IMPORTS_MAX = 300
HEAD_CHARACTERS = 50_000
"""Imports stand at the beginning of a file; more of it is not looked at."""

NAMES_CHARACTERS = 2_000
"""As long is what one statement imports."""
AROUND_CHARACTERS = 4_000
"""Before the cursor, and behind it: lines may be as long as a file."""

# This runs on the event loop, over whatever somebody opens. So every part of a pattern has a bound, and gives
# back nothing of what it took (`++`) where something else could take the same: a text is read about once.
_WORD = re.compile(r"[^\W\d]\w{2,}+")
_ENDS = re.compile(r"\.(?:py|pyi|[cm]?[jt]sx?|h|hh|hpp|hxx|rb|lua|php|go|rs)$")
_RENAMED = re.compile(r"\b(\w{1,100}+)\s{0,20}+(?:\bas\b|:)\s{0,20}+(\w{1,100}+)")

_PYTHON_FROM = (
    r"^[ \t]*+from[ \t]++(?P<module>[.\w]{1,300}+)[ \t]++import[ \t]++"
    r"(?P<names>\([^)]{0,2000}+|[^\n]{1,2000}+)"
)
_DOTTED = (
    r"^[ \t]*+import[ \t]++(?:static[ \t]++)?+(?P<module>[\w.]{1,300}+)"
    r"(?P<names>(?:[ \t]++as[ \t]++\w{1,100}+)?+)"
)
_ASSIGNED = (
    r"\b(?:const|let|var|local)\s{1,20}+(?P<names>\{[^{}]{0,2000}+\}|\w{1,100}+)\s{0,20}+=\s{0,20}+"
    r"require\s{0,20}+\(?+\s{0,20}+['\"](?P<module>[^'\"\n]{1,300}+)"
)
_REQUIRED = (
    r"^[ \t]*+(?:require|require_relative|include|require_once|source)\b[ (]{0,20}+['\"]?+"
    r"(?P<module>[\w./\-]{1,300}+)(?P<names>)"
)
_INCLUDED = r"^[ \t]*+#[ \t]*+include[ \t]++[<\"](?P<module>[^>\"\n]{1,300}+)(?P<names>)"
_USED = (
    r"^[ \t]*+(?:pub[ \t]++)?+(?:use|using)[ \t]++(?P<module>[\w:.\\]{1,300}?)(?:::)?"
    r"(?P<names>\{[^}]{0,2000}+|(?=[\s;]))"
)
_QUOTED = r"^[ \t]*+(?:import[ \t]++)?+(?:\w++[ \t]++)?+\"(?P<module>[\w./\-]{1,300}+)\"(?P<names>)[ \t]*+$"

_SCRIPT = (_ASSIGNED, _REQUIRED)
_SCRIPT_LANGUAGES = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_SCRIPT_FROM = re.compile(r"\bfrom\s?['\"](?P<module>[^'\"\n]{1,300}+)['\"]")
"""The end of an import or an export of JavaScript: without one its beginning is not looked for."""
_SCRIPT_HEAD = re.compile(r"\b(?:import|export)\b|[;'\"]")
_IMPORTS = {
    language: tuple(re.compile(pattern, re.MULTILINE) for pattern in patterns)
    for language, patterns in {
        "c": (_INCLUDED,),
        "cpp": (_INCLUDED,),
        "csharp": (_USED,),
        "go": (_QUOTED,),
        "java": (_DOTTED,),
        "lua": (_ASSIGNED, _REQUIRED),
        "php": (_USED, _REQUIRED),
        "python": (_PYTHON_FROM, _DOTTED),
        "ruby": (_REQUIRED,),
        "rust": (_USED,),
        "shellscript": (_REQUIRED,),
        **dict.fromkeys(_SCRIPT_LANGUAGES, _SCRIPT),
    }.items()
}
"""How a file of a language imports others, for those of which an index is built."""


@dataclass(frozen=True, slots=True)
class Named:
    """What is named near a cursor."""

    names: tuple[str, ...]
    """As they are defined elsewhere: those that the file imports first, of these the nearest first."""
    modules: tuple[str, ...]
    """What the file imports, as paths without dots at their heads and without ends."""


def named_near(language: str, text: str, offset: int) -> Named:
    """Return what is named in the lines around `offset` (code points), and what the file imports.

    Args:
        language: its LSP language id; of one that no index reads no imports are known.
        text: the whole file.
        offset: of the cursor.
    """
    originals: dict[str, str] = {}
    modules: dict[str, None] = {}
    for module, names in _imports(language, text[:HEAD_CHARACTERS]):
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


def _imports(language: str, text: str) -> Iterator[tuple[str, str]]:
    patterns = _IMPORTS.get(language, ())
    others = ((match["module"], match["names"]) for pattern in patterns for match in pattern.finditer(text))
    for module, names in islice(chain(_script_imports(language, text), others), IMPORTS_MAX):
        if module.isprintable():  # else it has half a surrogate pair, or names no file of an index
            yield _as_path(module), names


def _script_imports(language: str, text: str) -> Iterator[tuple[str, str]]:
    if language not in _SCRIPT_LANGUAGES:
        return
    end = 0
    for match in _SCRIPT_FROM.finditer(text):
        before = text[max(end, match.start() - NAMES_CHARACTERS) : match.start()]
        end = match.end()
        heads = [*_SCRIPT_HEAD.finditer(before)]
        if heads and heads[-1][0] in {"import", "export"}:
            yield match["module"], before[heads[-1].end() :]


def _as_path(module: str) -> str:
    path = _ENDS.sub("", module.replace("::", "/").replace("\\", "/"))
    if "/" not in path:
        path = path.lstrip(".").replace(".", "/")
    parts = [part for part in path.split("/") if part not in {"", ".", "..", "crate", "self", "super"}]
    return "/".join(parts)


def _nearest(text: str, offset: int) -> list[str]:
    """Return the words around a place, once each, the nearest first; not the one that is being written."""
    start, end = lines_around(text, offset, LINES_BEFORE, LINES_AFTER)
    start, end = max(start, offset - AROUND_CHARACTERS), min(end, offset + AROUND_CHARACTERS)
    found: dict[str, int] = {}
    for match in _WORD.finditer(text, start, end):
        if match.start() < offset <= match.end():
            continue
        away = offset - match.end() if match.end() < offset else match.start() - offset
        found[match[0]] = min(away, found.get(match[0], away))
    return sorted(found, key=found.__getitem__)
