"""Names that a suggestion uses and its document never mentions: a model that is not sure makes them up."""

import builtins
import keyword
import re

_KNOWN = frozenset({*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "self", "cls"})
_WORD = re.compile(r"[^\W\d]\w*")
_NOT_CODE = re.compile(r"#[^\n]*|([rbuRBU]{0,2})(\"\"\"|'''|\"|')(?:\\.|(?!\2).)*?(?:\2|\Z)", re.DOTALL)
_BOUNDS = tuple(
    map(
        re.compile,
        (
            r"\b(?:def|class)\s+(\w+)",
            r"\bdef\s+\w+\s*\(([^)]*)",
            r"\blambda\s+([^:]{0,200}):",
            r"\bfor\s+([^\n]{1,200}?)\s{1,9}in\b",
            r"\b(?:from|import|as|global|nonlocal)\s+([\w ,.]+)",
        ),
    )
)
"""What defines names, or is what they are taken from."""

_ASSIGNED = re.compile(r"(?<![=!<>])=(?!=)")
_LONGEST = 2_000
"""Characters of a suggestion: a longer one is not looked at, so that no request waits for it."""

_LOOKED_AT = 100_000
"""Characters of the document on each side of the cursor that are searched."""


def unknown_names(suggestion: str, text: str, offset: int) -> frozenset[str]:
    """Return the names that a suggestion of Python looks up, and that neither it nor the document knows.

    An attribute is no name of its own, and neither is the keyword of an argument. It goes by words, not by
    scopes: it is for choosing among suggestions, not for rejecting one.

    Args:
        suggestion: what would be inserted.
        text: the document.
        offset: where, in code points.
    """
    if len(suggestion) > _LONGEST:
        return frozenset()
    code = _NOT_CODE.sub(" ", suggestion)
    used = {
        found[0]
        for found in _WORD.finditer(code)
        if not code[: found.start()].rstrip().endswith(".") and not _is_keyword(code, found)
    }
    unknown = used - _KNOWN - _bound(code)
    if not unknown:
        return frozenset()
    before = text[max(0, offset - _LOOKED_AT) : offset]
    after = text[offset : offset + _LOOKED_AT]
    return frozenset(unknown - set(_WORD.findall(before)) - set(_WORD.findall(after)))


def _is_keyword(code: str, word: re.Match[str]) -> bool:
    """Whether a word names an argument of a call, as in `f(key=value)`."""
    behind = code[word.end() :]
    is_named = re.match(r"\s*=(?!=)", behind) is not None
    return is_named and code[: word.start()].rstrip().endswith(("(", ","))


def _bound(code: str) -> set[str]:
    found = [group for part in _BOUNDS for match in part.finditer(code) for group in match.groups()]
    for sign in _ASSIGNED.finditer(code):
        statement = code[: sign.start()].rpartition("\n")[2].rpartition(";")[2]
        if statement.count("(") == statement.count(")"):  # else it names an argument
            found.append(statement.partition(":")[0])
    return {word for group in found for word in _WORD.findall(group or "")}
