"""The process of the tests: what they use of the draft are stand-ins that ask the draft's process."""

import builtins
import importlib
import json
import os
import reprlib
import sys
from typing import Any

from cope_lsp.checks.cage import channel
from cope_lsp.checks.cage.plain import NotPlainError
from cope_lsp.checks.cage.subject import GO

TOLD, ASKED, REPORT = 3, 4, 5
"""Descriptors: answers of the draft's process come in, questions to it go out; where the report goes."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 120
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = 12


class DraftError(Exception):
    """The draft's process raised something that has no name here."""


class _Opaque:
    """A value that stays in the draft's process; all that is known is whether it counts as true."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, what: str, *, true: bool) -> None:
        self._what = what
        self._true = true

    def __bool__(self) -> bool:
        return self._true

    def __getattr__(self, _: str) -> Any:
        raise NotPlainError(self._what)

    def __eq__(self, _: object) -> bool:
        raise NotPlainError(self._what)

    def __repr__(self) -> str:
        return self._what


class DraftGoneError(Exception):
    """The draft's process ended, or answered nonsense."""


def serve(request: str) -> None:
    """Run the tests one by one, and report each: a judgement and, if it did not pass, what came instead.

    Args:
        request: JSON: `name`, the function that is tested; `setup`, run before; `tests`, statements.
    """
    asked = json.loads(request)
    names = _Names(asked["name"])
    channel.send(ASKED, GO)
    fault = _load() or _fault_of(asked["setup"], names)
    for test in asked["tests"]:
        judgement, evidence = fault or _fault_of(test, names) or ("passed", "")
        os.write(REPORT, json.dumps([judgement, evidence[:2_000]]).encode() + b"\n")


Fault = tuple[str, str] | None


class _Names(dict[str, Any]):
    """The names that tests see: their own, and those of the draft that they ask for."""

    def __init__(self, tested: str) -> None:
        super().__init__(__name__="tests", __builtins__=builtins)
        self.last_call: tuple[str, tuple[Any, ...], dict[str, Any], str, Any] | None = None
        """The name, its arguments, what it did ("gave", "raised") and the value or the message."""
        if tested:
            self[tested] = _StandIn(tested, self)  # also where it has the name of a built-in

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):  # a draft's own `set` must not take part in the judging
            raise KeyError(name)
        kind, *rest = _ask(name, None, {})
        if kind == "callable":
            found: Any = _StandIn(name, self)
        elif kind == "module" and rest[0] in sys.stdlib_module_names:
            found = importlib.import_module(rest[0])
        elif kind == "value":
            found = rest[0]
        elif kind == "opaque":
            found = _Opaque(rest[0], true=rest[1])
        else:
            raise KeyError(name)
        self[name] = found
        return found


class _StandIn:
    """A function of the draft, called in the draft's process."""

    def __init__(self, name: str, names: _Names) -> None:
        self.__name__ = name
        self._names = names

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        kind, *rest = self._call(arguments, keywords)
        self._names.last_call = (self.__name__, arguments, keywords, kind, rest)
        if kind == "value":
            return rest[0]
        if kind == "raised":
            raise _exception(*rest)
        if kind == "opaque":
            return _Opaque(rest[0], true=bool(rest[1]))
        msg = f"name {self.__name__!r} is not defined"
        raise NameError(msg)

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> list[Any]:
        self._names.last_call = (self.__name__, arguments, keywords, "lost", [])
        return _ask(self.__name__, list(arguments), keywords)


def _load() -> Fault:
    """Wait until the draft is loaded; return what was wrong with it."""
    try:
        kind, *rest = _told()
    except DraftGoneError:
        return "failed", "the draft ended its own process while it was loaded"
    if kind == "loaded":
        return None
    return "failed", f"the draft could not be loaded: {': '.join(filter(None, rest))}"


def _fault_of(source: str, names: _Names) -> Fault:
    """Run one test; return why it did not pass."""
    names.last_call = None
    shown = source.strip().rpartition("\n")[2]
    try:
        exec(compile(source, "<test>", "exec"), names)  # noqa: S102 - what this process is for
    except NotPlainError as error:
        return "unknown", f"{shown}: {_told_of(names, error)}, which cannot be compared from outside"
    except DraftGoneError:
        return "failed", f"{shown}: {_told_of(names, 'it')} ended the draft's process"
    except AssertionError as error:
        return "failed", f"{shown}: {_told_of(names, error)}"
    except BaseException as error:  # noqa: BLE001 - a test may raise anything
        return "failed", f"{shown}: {_told_of(names, _named(error))}"
    return None


def _told_of(names: _Names, otherwise: object) -> str:
    """Return what the last call of the draft did, in words."""
    if names.last_call is None:
        return str(otherwise)
    name, arguments, keywords, kind, rest = names.last_call
    shown = [_short.repr(value) for value in arguments]
    shown += [f"{key}={_short.repr(value)}" for key, value in keywords.items()]
    call = f"{name}({', '.join(shown)})"
    return {
        "value": lambda: f"{call} gave {_short.repr(rest[0])}",
        "opaque": lambda: f"{call} gave {rest[0]}",
        "raised": lambda: f"{call} raised {': '.join(filter(None, rest))}",
        "missing": lambda: f"the draft defines no {name}",
    }.get(kind, lambda: call)()


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _exception(name: str, message: str) -> BaseException:
    """Return an exception like the draft's, so that a test may expect it."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except TypeError:  # UnicodeDecodeError and its like want more
            pass
    return DraftError(f"{name}: {message}")


def _ask(name: str, arguments: list[Any] | None, keywords: dict[str, Any]) -> list[Any]:
    try:
        channel.send(ASKED, [name, arguments, keywords])
    except channel.ChannelClosedError:
        raise DraftGoneError from None
    return _told()


def _told() -> list[Any]:
    try:
        answer = channel.receive(TOLD)
    except channel.ChannelClosedError:
        raise DraftGoneError from None
    if not (isinstance(answer, list) and answer and _KINDS.get(str(answer[0])) == len(answer)):
        raise DraftGoneError
    return answer


_KINDS = {"loaded": 1, "missing": 1, "callable": 1, "module": 2, "value": 2, "opaque": 3, "raised": 3}
"""The answers that there are, and their lengths."""
