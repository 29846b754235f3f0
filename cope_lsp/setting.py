"""What one setting is: which values it takes, and who may set it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Reach = Literal["user", "tighten", "any"]
"""Who may set a setting besides the user's file, the environment and the command line. "user": nobody.
"tighten": a project or an editor too, but only to a tighter value: a lower number, an earlier choice, and
whatever of true and false the setting's `tightest` says; what they say of a list is added to it. "any": they
may set any value."""

ENTRIES_MAX = 100
"""Of a list that one source gives, and of all together."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting besides its type and its default."""

    key: str
    help: str
    reach: Reach = "user"
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """What a text, or each of a list, must look like, as a regular expression for all of it."""
    shape: str = ""
    """The pattern in words, for the message to somebody who missed it."""
    tightest: bool = False
    """Which of false and true allows less."""

    @property
    def environment(self) -> str:
        """The environment variable that sets it."""
        return "COPE_LSP_" + re.sub(r"\W", "_", self.key).upper()


def refused(setting: Setting, value: Any, current: Any) -> str:
    """Return why a project or an editor may not change `current` to `value`; "" when it may."""
    if setting.reach == "user":
        return "cannot be set by"
    if setting.reach == "tighten" and _looseness(setting, value) > _looseness(setting, current):
        return "cannot be loosened by"
    return ""


def added(value: tuple[str, ...], current: tuple[str, ...]) -> tuple[str, ...]:
    """Return a list with what a project or an editor adds to it; they can take nothing away."""
    return tuple(dict.fromkeys((*current, *value)))[: max(ENTRIES_MAX, len(current))]


def _looseness(setting: Setting, value: Any) -> int:
    if isinstance(value, bool):
        return int(value is not setting.tightest)
    if isinstance(value, tuple):
        return -len(value)
    return setting.choices.index(value) if setting.choices else int(value)


def parse(value: object, kind: str, setting: Setting) -> tuple[str, Any]:
    """Return (what is wrong or "", the value for the field)."""
    if "Path" in kind:
        return _parse_path(value)
    if "tuple" in kind:
        return _parse_list(value, setting)
    if "bool" in kind:
        return ("", value) if isinstance(value, bool) else ("takes true or false", None)
    if "int" in kind:
        return _parse_int(value, setting)
    if setting.pattern:
        return ("", value) if _matches(value, setting.pattern) else (f"takes {setting.shape}", None)
    return ("", value) if value in setting.choices else (f"is one of {', '.join(setting.choices)}", None)


def _matches(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _parse_list(value: object, setting: Setting) -> tuple[str, Any]:
    """Take a list of texts; or one text, as variables have it, with commas between them."""
    entries = [each.strip() for each in value.split(",")] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        return f"takes a list of {setting.shape}", None
    entries = [each for each in entries if each != ""]
    if not all(_matches(each, setting.pattern) for each in entries):
        return f"takes a list of {setting.shape}", None
    if len(entries) > ENTRIES_MAX:
        return f"takes {ENTRIES_MAX} entries at most", None
    return "", tuple(dict.fromkeys(entries))


def _parse_path(value: object) -> tuple[str, Any]:
    if not isinstance(value, str):
        return "takes a path", None
    try:
        return "", Path(value).expanduser()
    except RuntimeError:
        return "takes a path in a home that exists", None


def _parse_int(value: object, setting: Setting) -> tuple[str, Any]:
    if not isinstance(value, int) or isinstance(value, bool):
        return "takes a whole number", None
    if setting.minimum is not None and value < setting.minimum:
        return f"is at least {setting.minimum}", None
    if setting.maximum is not None and value > setting.maximum:
        return f"is at most {setting.maximum}", None
    return "", value
