"""Which files an edit may touch: plain files inside of the workspace that no tool obeys and no test rests on.

An edit is proposed for an open document, but what a document is called comes from outside, and where its name
leads depends on the disk. So a name is judged as it is written and as the disk resolves it, each time before
an edit is handed on.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from cope_lsp.checks.suite.files import is_protected
from cope_lsp.egress.permit import name_of

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?")
_UNSHOWN = frozenset({"Cc", "Cs"})
"""Control characters, and bytes that are no text."""

_SHORT_NAME = re.compile(r"[^.~]{1,6}~[0-9](\.\w{0,3})?")

_TEST_FOLDERS = frozenset({"test", "tests", "__tests__"})
_TEST_FILE = re.compile(r"(test_.*|.*_test|.*\.(test|spec))\.\w+|noxfile\.py")
_STARTS_BY_ITSELF = re.compile(r"(sitecustomize|usercustomize|setup)\.py|.*\.pth|.*\.code-workspace")
_TOLD_TO_TOOLS = frozenset({"pyproject.toml", "setup.cfg", "package.json", "makefile"})


def may_edit(uri: str, folders: Sequence[Path]) -> str:
    """Return why a file must not be edited, in words without its path; "" when it may.

    Args:
        uri: of a document, as a client sent it (LSP 3.18, "URI"); nothing but `file:` can be judged.
        folders: of the workspace. Of several around a file the innermost counts.
    """
    name = name_of(uri)
    if name is None or any(map(_is_odd, name.split("/")[1:])):
        return "its address is not that of a plain file on this machine"
    path = Path(name)
    try:
        real = path.resolve()
        roots = [*folders, *(folder.resolve() for folder in folders)]
        if real.is_symlink() or (real.exists() and not real.is_file()) or not real.parent.is_dir():
            return "it is no plain file"
    except (OSError, RuntimeError, ValueError):  # a loop of links; a name that this system cannot hold
        return "its address cannot be followed"
    for place in (path, real):
        inside = _inside(place, roots)
        if inside is None:
            return "it is outside of the workspace"
        if reason := next(_reasons(inside), ""):
            return reason
    return ""


def _is_odd(part: str) -> bool:
    """Whether a part of a path means something else to some system or editor than to another."""
    return (
        part in {"", ".", ".."}
        or part[-1] in ". "
        or any(character in '\\:*?"<>|' or unicodedata.category(character) in _UNSHOWN for character in part)
        or _DEVICE.fullmatch(part.casefold()) is not None
        or _SHORT_NAME.fullmatch(part) is not None
    )


def _inside(path: Path, roots: Sequence[Path]) -> tuple[str, ...] | None:
    """Return the parts of a path below the innermost root around it; None: it is outside."""
    around = [root for root in roots if path.is_relative_to(root)]
    if not around:
        return None
    return path.relative_to(max(around, key=lambda root: len(root.parts))).parts


def _reasons(parts: Sequence[str]) -> Iterator[str]:
    *folders, name = (_seen(part) for part in parts)
    if any(part.startswith(".") for part in (*folders, name)):
        yield "hidden files and folders belong to tools, which obey them"
    if _STARTS_BY_ITSELF.fullmatch(name) or name in _TOLD_TO_TOOLS:
        yield "tools run it or obey it without being asked"
    if is_protected(name) or _TEST_FILE.fullmatch(name) or _TEST_FOLDERS.intersection(folders):
        yield "it belongs to the tests, which must not change with what they test"


def _seen(part: str) -> str:
    """Return a name as the most lenient file system reads it: any case, any form, nothing invisible."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())
    return "".join(c for c in folded if unicodedata.category(c) != "Cf")
