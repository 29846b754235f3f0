"""An editor whose server has a model that writes what a test says; complaints as data; holes in real code."""

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import consent_folder
from tests.benchmarks.edits import sources
from tests.completion.writer import Writer
from tests.server.conftest import StartServer
from tests.server.places import end_of
from tests.server.wire_client import INLINE, Json, WireClient, inline_params, insertion, wait_until

ASKED, UNASKED = 1, 2
"""How the editor says that its user pressed a key for ghost text, or only types."""

Case = dict[str, Any]

MODULES = 4
HOLES = 8
"""In each module, of which some are none: without that line the code does not compile."""


class Ghost:
    """An editor whose server has a model that writes what a test says."""

    def __init__(self, client: WireClient, model: Writer) -> None:
        self.client = client
        self.model = model

    def items(self, marked: str, *texts: str, kind: int = UNASKED) -> list[Json]:
        """Return what is offered at ‸ when the model writes `texts`, in a document of its own."""
        before, after = marked.split("‸")
        self.model.texts = texts
        uri = self.client.open(before + after)
        items: list[Json] = self.client.inline(uri, *end_of(before), triggerKind=kind)["items"]
        return items

    def shown(self, marked: str, *texts: str, kind: int = UNASKED) -> str:
        """Return the first text that is offered; "" when nothing is."""
        items = self.items(marked, *texts, kind=kind)
        return str(items[0]["insertText"]) if items else ""

    def typed_meanwhile(self, before: str, writes: str, typed: str) -> list[Json]:
        """Return what is offered behind `before` when `typed` is typed there before the model is ready."""
        self.model.texts = (writes,)
        self.model.may_go_on.clear()
        asked_before, uri = len(self.model.prompts), self.client.open(before)
        asked = self.client.request(INLINE, inline_params(uri, *end_of(before), triggerKind=ASKED))
        wait_until(lambda: len(self.model.prompts) > asked_before, "the model is asked")
        self.client.change(uri, insertion(*end_of(before), typed))
        self.client.status()  # the change has been seen when this is answered
        self.model.may_go_on.set()
        answer = self.client.result(asked)
        return answer["items"] if answer else []

    def check(self, case: Case) -> None:
        """Compare what is shown with what a case says."""
        kind, asked_before = ASKED if case.get("explicit") else UNASKED, len(self.model.prompts)
        shown = self.shown(case["document"], case["writes"], kind=kind)
        assert len(self.model.prompts) > asked_before, "the model was asked"
        if "lacks" in case:
            assert case["lacks"] not in shown
        else:
            assert shown == case.get("shown", "")


def started(folder: Path, start: StartServer, model: Writer, **environment: str) -> Ghost:
    """Start a server whose user has agreed to that model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        ConsentStore().record(consent_folder(), model.url, "allowed")
    client = start(COPE_LSP_MODEL_ENDPOINT=model.url, **environment)
    client.initialize()
    return Ghost(client, model)


def cases(name: str) -> list[Case]:
    """Return the cases of a file in complaints/."""
    path = Path(__file__).with_name("complaints") / f"{name}.toml"
    found: list[Case] = tomllib.loads(path.read_text("utf-8"))["case"]
    return found


def named(case: Case) -> str:
    """Return the name of a case."""
    return str(case["name"])


def holes() -> Iterator[tuple[str, str]]:
    """Yield code of the standard library around the place of a line that was taken out of a function."""
    for path in itertools.islice(sources(), MODULES):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        inner = [n for n, line in enumerate(lines) if re.match(r" {8,}[a-z]", line)]
        for n in inner[:: max(1, len(inner) // HOLES)]:
            indentation = lines[n][: len(lines[n]) - len(lines[n].lstrip())]
            before, after = "".join(lines[:n]) + indentation, "\n" + "".join(lines[n + 1 :])
            if compiles(before + after):
                yield before, after


def compiles(text: str) -> bool:
    """Whether CPython accepts a text."""
    try:
        compile(text, "a.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
