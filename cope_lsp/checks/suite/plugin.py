"""A plugin of pytest that reports which tests there are and what became of each, to the process outside.

It runs in the user's interpreter, with any pytest from 7 and any Python from 3.8, and stands alone: its text
is put into the cage. Each message is one line of JSON and its signature, by a key that is read once, here,
before a conftest or a test is loaded; what else is written to the pipe is noticed. Each message has its
number, so that none can be left out or sent twice. All that is needed to speak is taken hold of now: who
patches `json` or `os` later changes nothing. At the end it says which functions of pytest are not what they
were.

It shares an interpreter with the draft, so this is no wall: a draft that is written to find this object in
memory and to speak in its name can do so. One that leaves early, prints, patches or deselects cannot.
"""

from __future__ import annotations

import builtins
import hashlib
import hmac
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

_REPORT, _KEY = 3, 4
_TEXT_MAX = 12_000
_MESSAGE_MAX = 2_000


class _Pipe:
    """Where the report goes; only the process in which it was made can say anything."""

    def __init__(self) -> None:
        key = os.read(_KEY, 1_024)
        os.close(_KEY)
        end = os.dup(_REPORT)  # not inherited by the programs that tests start
        os.close(_REPORT)
        write, whose, dumps, sign, digest = os.write, os.getpid, json.dumps, hmac.new, hashlib.sha256
        own, number = os.getpid(), 0

        def say(message: dict[str, Any]) -> None:
            nonlocal number
            if whose() != own:
                return  # a child that a test forked
            text = dumps({**message, "number": number}).encode()
            number += 1
            data = text + b" " + sign(key, text, digest).hexdigest().encode() + b"\n"
            while data:
                data = data[write(end, data) :]

        self.say = say


class _Reporter:
    """Hears of all that happens in a session."""

    def __init__(self) -> None:
        self._say = _Pipe().say
        self._before = _functions()
        self._phases: dict[str, list[tuple[str, dict[str, str]]]] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
        """Measure no coverage: a part of the tests covers a part of the code."""
        early_config.known_args_namespace.no_cov = True
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        """Run the tests in this process, whatever `addopts` says of others."""
        config.option.no_cov = True
        if hasattr(config.option, "numprocesses"):
            config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        """Say which tests there are, before any of them runs."""
        self._say({"kind": "collected", "tests": [item.nodeid for item in session.items]})

    def pytest_collectreport(self, report: Any) -> None:
        """Say what could not be loaded."""
        if report.failed:
            self._say({"kind": "uncollected", "id": report.nodeid, **_fault(report)})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Say what became of a test when its last phase is over."""
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append((report.when, {"outcome": _outcome(report), **_fault(report)}))
        if report.when == "teardown":
            self._say({"kind": "test", "id": report.nodeid, **_sum(self._phases.pop(report.nodeid))})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        """Say that this was all, and what is not as it was."""
        now = _functions()
        changed = sorted(
            ".".join(name) for name, was in self._before.items() if not _same(was, now.get(name))
        )
        hooks = vars(session.config.pluginmanager.hook).items()
        counts = {name: len(hook.get_hookimpls()) for name, hook in hooks if hasattr(hook, "get_hookimpls")}
        self._say({"kind": "end", "status": int(exitstatus), "changed": changed, "hooks": counts})


def _functions() -> dict[tuple[str, str], tuple[Any, Any]]:
    """Return what each function of pytest and each built-in is now: the object and its code."""
    found = {("builtins", name): (value, None) for name, value in vars(builtins).items() if name != "_"}
    for module, content in list(sys.modules.items()):
        if module.partition(".")[0] in {"_pytest", "pluggy", __name__}:
            for name, value in list(vars(content).items()):
                if getattr(value, "__module__", None) == module and callable(value):
                    found[module, name] = (value, _code(value))
                    inner = vars(value).items() if isinstance(value, type) else ()
                    found.update({(module, f"{name}.{key}"): (None, _code(one)) for key, one in inner})
    return found


def _same(was: tuple[Any, Any], now: tuple[Any, Any] | None) -> bool:
    return now is not None and was[0] is now[0] and was[1] is now[1]


def _code(value: Any) -> Any:
    function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
    return getattr(function, "__code__", None)


def _outcome(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.outcome == "skipped" else "xpassed"
    return str(report.outcome)


def _sum(phases: list[tuple[str, dict[str, str]]]) -> dict[str, str]:
    """Return what became of a test, and why: the worst that a phase says."""
    for worst in ("failed", "skipped", "xfailed", "xpassed"):
        for _, result in phases:
            if result["outcome"] == worst:
                return result
    if {"setup", "call", "teardown"} <= {when for when, result in phases if result["outcome"] == "passed"}:
        return {"outcome": "passed", "message": "", "text": ""}
    return {"outcome": "failed", "message": "it did not run", "text": ""}


def _fault(report: Any) -> dict[str, str]:
    """Return what went wrong: a few lines for people, and all that pytest has to say."""
    if report.outcome == "passed" or not report.longrepr:
        return {"message": "", "text": ""}
    if isinstance(report.longrepr, tuple):  # of a skipped test: file, line, reason
        return {"message": str(report.longrepr[-1])[:_MESSAGE_MAX], "text": ""}
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longreprtext)
    message = str(getattr(crash, "message", "") or _marked(text))
    return {"message": message[:_MESSAGE_MAX], "text": text[-_TEXT_MAX:]}


def _marked(text: str) -> str:
    """Return the lines that pytest marks as the error; without any, the last ones."""
    lines = text.splitlines()
    return "\n".join([line[1:].strip() for line in lines if line.startswith("E ")] or lines[-3:])


def pytest_addoption(pluginmanager: Any) -> None:
    """Take part from the beginning: this hook is called as soon as the plugin is loaded."""
    pluginmanager.register(_Reporter(), "cope-lsp-reporter")
