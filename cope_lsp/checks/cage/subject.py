"""The process in which a draft runs: it loads the draft, then calls its functions for the judge.

Nothing that is said here is believed, but for the values that the functions return.
"""

import contextlib
import random
import sys
from types import ModuleType
from typing import Any

from cope_lsp.checks.cage import channel
from cope_lsp.checks.cage.plain import NotPlainError

ASK, TELL = 3, 4
"""Descriptors: questions come in, answers go out."""

GO = "go"
"""The judge's first word: a draft that could run before might keep it from coming up."""


def serve(source: str) -> None:
    """Load a draft when the judge is ready, and answer its questions until there are no more."""
    if channel.receive(ASK) != GO:
        return
    module = ModuleType("draft")
    sys.modules["draft"] = module
    random.seed(0)  # a draft that draws lots gives the same every time
    _say(_load(source, module))
    with contextlib.suppress(channel.ChannelClosedError):
        while True:
            _say(_answer(module, *channel.receive(ASK)))


def _load(source: str, module: ModuleType) -> list[Any]:
    try:
        exec(compile(source, "<draft>", "exec"), module.__dict__)  # noqa: S102 - what this process is for
    except BaseException as error:  # noqa: BLE001 - a draft may raise anything, SystemExit too
        return _raised(error)
    return ["loaded"]


def _answer(
    module: ModuleType, name: str, arguments: list[Any] | None, keywords: dict[str, Any]
) -> list[Any]:
    """Return what `name` is; with arguments, what it returns."""
    if not hasattr(module, name):
        return ["missing"]
    value = getattr(module, name)
    if arguments is None and isinstance(value, ModuleType):
        return ["module", value.__name__]
    if arguments is None:
        return ["callable"] if callable(value) else ["value", value]
    try:
        return ["value", value(*arguments, **keywords)]
    except BaseException as error:  # noqa: BLE001 - as above
        return _raised(error)


def _raised(error: BaseException) -> list[Any]:
    try:
        text = str(error)[:500]
    except BaseException:  # noqa: BLE001 - even its message may fail
        text = ""
    return ["raised", type(error).__name__, text]


def _say(message: list[Any]) -> None:
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    try:
        try:
            channel.send(TELL, message)
        except NotPlainError as error:
            channel.send(TELL, ["opaque", str(error), bool(message[1])])
    except channel.ChannelClosedError:
        raise
    except Exception as error:  # noqa: BLE001 - an iterator of the draft's may raise while it is read
        channel.send(TELL, _raised(error))
