"""The places that follow when a name of Python was changed where it is defined."""

from collections.abc import Sequence

from cope_lsp.next_edit.calls import calls_of
from cope_lsp.next_edit.hunks import Renamed
from cope_lsp.next_edit.python_names import BINDING_ROLES, Meanings, Mention, Scope, mentions
from cope_lsp.next_edit.source import Path, Place, Source


def follow_rename(source: Source, renamed: Renamed, latest: int) -> list[Place]:
    """Return the places where the old name still stands for what has the new one now.

    None while the old name is still bound there, since then the new one is another name; and none when the
    new name meant something there before.

    Args:
        source: the text now.
        renamed: which word became which, at which offsets in bytes.
        latest: which of these was changed last.

    Raises:
        TooMuchError: one of the names stands at too many places.
    """
    new = list(mentions(source, renamed.new))
    changed = [each for each in new if each.start in renamed.starts]
    meanings = Meanings([*mentions(source, renamed.old), *changed])
    subject = _subject(source, changed, latest)
    scope = meanings.scope_of(subject) if subject else None
    if scope is None:
        return []
    variables = [each for each in meanings.mentions if _names(each) and meanings.scope_of(each) == scope]
    left = [each for each in variables if each not in changed]
    defined = [each for each in variables if each in changed and each.role in BINDING_ROLES]
    others = [each for each in new if each not in changed and _names(each)]
    if not defined or any(each.role in {*BINDING_ROLES, "unclear"} for each in left):
        return []
    if any(_lies_in(each, scope) for each in others):
        return []
    if defined[0].role == "parameter":
        keywords = _keywords(source, defined[0], meanings.mentions)
        left += [each for each in keywords if each not in changed]
    return [Place(each.start, each.end, renamed.new) for each in left]


def _subject(source: Source, changed: Sequence[Mention], latest: int) -> Mention | None:
    """Return the mention that says what is renamed: the last one; of a keyword, its parameter."""
    last = next((each for each in changed if each.start == latest), None)
    if last is None or last.role != "keyword":
        return last
    parameters = (each for each in changed if each.role == "parameter")
    return next((each for each in parameters if _keywords(source, each, [last])), None)


def _names(mention: Mention) -> bool:
    """Whether a mention is of a variable, and not of an attribute or of a parameter elsewhere."""
    return mention.role not in {"none", "keyword"}


def _lies_in(mention: Mention, scope: Scope) -> bool:
    return scope.start <= mention.start and mention.end <= scope.end


def _keywords(source: Source, parameter: Mention, among: Sequence[Mention]) -> list[Mention]:
    """Return the mentions that are keywords in calls of a parameter's function."""
    function = function_at(source.path(parameter.start, parameter.end))
    if function is None:
        return []
    calls = {(call.arguments.start_byte, call.arguments.end_byte) for call in calls_of(source, function)}
    found = []
    for each in among:
        path = source.path(each.start, each.end)
        # The name, the keyword argument, the list of arguments.
        if each.role == "keyword" and len(path) > 3 and _range(path[-3:-2]) in calls:
            found.append(each)
    return found


def function_at(path: Path) -> Path | None:
    """Return the path to the function whose parameters a path leads into; None: to none, as in a lambda."""
    for index in range(len(path) - 1, 0, -1):
        if path[index].type == "lambda_parameters":
            return None
        if path[index].type == "parameters":
            return path[:index] if path[index - 1].type == "function_definition" else None
    return None


def _range(path: Path) -> tuple[int, int]:
    return path[-1].node.start_byte, path[-1].node.end_byte
