"""How methods are named on a command line: `cope-checks`, or `cope-checks:samples=4:stage_1=none`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Setting
from cope_lsp.evaluation.trials.methods import METHODS, PLANNED, VISIBLE_TESTS_MAX

_PLANNERS = ("none", "small:plan=goal", "small", "large", "author:plan=goal", "author")

GROUPS = {
    "all": tuple(name for name in METHODS if name != PLANNED),
    "plans": tuple(
        f"{PLANNED}:executor={executor}:planner={planner}"
        for executor in ("small", "large")
        for planner in _PLANNERS
    ),
    "ablations": (
        "cope-consensus:stage_1=none",
        "cope-consensus:stage_1=guideline",
        "cope-consensus:passed_on=no",
        "cope-consensus:samples=2",
        "cope-consensus:samples=4",
        "cope-consensus:samples=16",
        "cope-consensus:thresholds=0.5/0.5",
        "cope-consensus:thresholds=1/0.75",
        "cope-checks:stage_1=none",
        "cope-checks:stage_1=guideline",
        "cope-checks:passed_on=no",
        "cope-checks:samples=2",
        "cope-checks:samples=4",
        "cope-checks:tests=1",
        "cope-checks:rounds=0",
        "cope-checks:rounds=3",
        "cope-checks:samples=16:rounds=3",
        "cope-checks:when_hopeless=stop",
        "cope-checks:samples=16:rounds=3:when_hopeless=stop",
        "offline:rounds=3",
        "offline:samples=16:rounds=7",
        "cascade-no-plans:tests=3:rounds=1",
        "cascade-no-plans:tests=3:rounds=3:stage_1=goal",
        "cascade-no-plans:tests=3:samples=16:rounds=7:stage_1=goal",
        "cascade-self-planned:tests=3:rounds=1",
        "cascade-self-planned:tests=3:rounds=1:passed_on=no",
        "cascade-self-planned:tests=3:samples=16:rounds=3:passed_on=no",
        *(f"router:thresholds={share}" for share in (0.3, 0.4, 0.6, 0.7, 0.8, 0.9)),
        *(f"scored-cascade:thresholds={share}" for share in (0.5, 0.7, 0.8, 0.9, 0.99)),
    ),
}
"""Names for many methods at once. COPE draws in two stages: a rival with one has twice as many rounds."""

SAMPLES_MAX = 16


def entries(text: str) -> list[tuple[str, Setting]]:
    """Return the methods that a text names, commas between them, each once and in their order.

    Raises:
        CopeError: there is no such method, or it has no such setting.
    """
    return list(dict.fromkeys(_entry(name) for name in _names(text)))


def _names(text: str) -> Iterator[str]:
    for name in filter(None, (part.strip() for part in text.split(","))):
        yield from GROUPS.get(name, (name,))


def _entry(text: str) -> tuple[str, Setting]:
    name, *changes = text.split(":")
    method = METHODS.get(name)
    if method is None:
        known = ", ".join((*METHODS, *GROUPS))
        msg = f"there is no method {name}; known are {known}"
        raise CopeError(msg)
    setting = method.setting
    for change in changes:
        key, _, value = change.partition("=")
        if key not in method.settable:
            can = f"it has {', '.join(sorted(method.settable))}" if method.settable else "it has none"
            msg = f"{name} has no setting {key}; {can}"
            raise CopeError(msg)
        setting = replace(setting, **{key: _value(name, setting, key, value)})
    return name, setting


def _value(name: str, setting: Setting, key: str, text: str) -> Any:
    try:
        found, is_good = _read(setting, key, text)
    except ValueError:
        is_good = False
    if not is_good:
        msg = f"{name}:{key}={text} cannot be used; {_EXPECTED[key]}"
        raise CopeError(msg)
    return found


_EXPECTED = {
    "samples": f"a whole number from 1 to {SAMPLES_MAX}",
    "tests": f"a whole number from 0 to {VISIBLE_TESTS_MAX}: more would leave too few for the score",
    "tries": "a whole number from 1 to 9",
    "rounds": "a whole number from 0 to 9",
    "temperature": "a number above 0 and up to 2",
    "thresholds": "as many numbers from 0 to 1 as the method has by default, with / between them",
    "stage_1": "goal, guideline or none",
    "passed_on": "yes or no",
    "when_hopeless": "go-on or stop",
    "executor": "small or large",
    "planner": "none, small, large or author",
    "plan": "goal or guideline",
}

_WORDS = {
    "stage_1": {"goal", "guideline", "none"},
    "when_hopeless": {"go-on", "stop"},
    "executor": {"small", "large"},
    "planner": {"none", "small", "large", "author"},
    "plan": {"goal", "guideline"},
}


def _read(setting: Setting, key: str, text: str) -> tuple[Any, bool]:
    """Return the value that a text means, and whether it is within bounds."""
    if words := _WORDS.get(key):
        return text, text in words
    match key:
        case "thresholds":
            shares = tuple(float(part) for part in text.split("/"))
            return shares, len(shares) == len(setting.thresholds) and all(0 <= each <= 1 for each in shares)
        case "temperature":
            return float(text), 0 < float(text) <= 2
        case "passed_on":
            return text == "yes", text in {"yes", "no"}
        case "samples":
            return int(text), 1 <= int(text) <= SAMPLES_MAX
        case "tests":
            return int(text), 0 <= int(text) <= VISIBLE_TESTS_MAX
        case "tries":
            return int(text), 1 <= int(text) <= 9
    return int(text), 0 <= int(text) <= 9
