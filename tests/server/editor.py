"""An editor with documents: it applies the server's edits, and answers its questions as a test says."""

import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.server.conftest import StartServer
from tests.server.wire_client import Json, WireClient, insertion, wait_until

APPLIES: Json = {"workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}}}
CONFIRMS: Json = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {"groupsOnLabel": True}},
    }
}
SHOWS_PROGRESS: Json = APPLIES | {"window": {"workDoneProgress": True}}

STUB = '''import os


def double_price(price):
    """Find twice the price."""
    ...


def other():
    return 1
'''
"""Its first function is one that the embedded model can write."""
WRITTEN = STUB.replace("    ...\n", "    return price * 2\n", 1)

HARD = '''def schedule(jobs, machines, costs):
    """Assign the jobs to the machines by the Hungarian algorithm and return the cheapest assignment."""
    ...
'''


@dataclass(slots=True)
class Editor:
    """A session with a project folder."""

    client: WireClient
    project: Path
    capabilities: Json
    texts: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    answered: set[Any] = field(default_factory=set)

    # -- documents --------------------------------------------------------------------------------

    def open(self, text: str = STUB, name: str = "shop.py", language: str = "python", **more: Any) -> str:
        """Write a file of the project, open it, and return its URI."""
        file = (self.project / name).resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="")
        uri = file.as_uri()
        self.texts[uri], self.versions[uri] = text, 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text} | more
        self.client.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def type(self, uri: str, text: str, line: int = 0) -> None:
        """Type at the beginning of a line."""
        self._change(uri, insertion(line, 0, text))

    def _change(self, uri: str, change: Json) -> None:
        self.texts[uri] = edited(self.texts[uri], change["range"], change["text"])
        self.versions[uri] += 1
        self.client.change(uri, change, version=self.versions[uri])

    # -- commands ---------------------------------------------------------------------------------

    def start(self, command: str, **wish: Any) -> int:
        """Run a command and return the id of the request."""
        params = {"command": f"cope.server.{command}", "arguments": [wish]}
        return self.client.request("workspace/executeCommand", params)

    def solve(self, uri: str, line: int = 3, **wish: Any) -> int:
        """Ask for the function at a line; return the id of the request."""
        return self.start("solve", uri=uri, position={"line": line, "character": 0}, **wish)

    def solved(self, uri: str, line: int = 3, **wish: Any) -> Json:
        answer: Json = self.client.result(self.solve(uri, line, **wish), timeout_s=60)
        return answer

    # -- what the server asks -----------------------------------------------------------------------

    def asked(self, method: str) -> Json:
        """Wait for the server's next request of a kind and return it; it is up to the test to answer it."""
        found: list[Json] = []

        def is_there() -> bool:
            said = (each for each in list(self.client.notifications) if each["method"] == method)
            found[:] = [each for each in said if "id" in each and each["id"] not in self.answered]
            return bool(found)

        wait_until(is_there, f"the server asks for {method}", timeout_s=60)
        self.answered.add(found[0]["id"])
        return found[0]

    def answer(self, asked: Json, result: Any) -> None:
        self.client.send({"id": asked["id"], "result": result})

    def choose(self, title: str | None) -> str:
        """Choose an answer to the server's question to the user; return the question."""
        asked = self.asked("window/showMessageRequest")
        titles = [action["title"] for action in asked["params"]["actions"]]
        assert title is None or title in titles
        self.answer(asked, title and {"title": title})
        message: str = asked["params"]["message"]
        return message

    def let_apply(self) -> Json:
        """Apply the edit that the server sends, as an editor does; return its params."""
        asked = self.asked("workspace/applyEdit")
        params: Json = asked["params"]
        for uri, change in changes_in(params["edit"]):
            self._change(uri, change)
        self.answer(asked, {"applied": True})
        return params

    def heard(self, method: str) -> list[Json]:
        return [each["params"] for each in list(self.client.notifications) if each["method"] == method]

    def wait_for_drafts(self) -> None:
        """Wait until a solve with progress draws drafts."""
        wait_until(lambda: any("stage" in each for each in self.progress()), "drafts are drawn")

    def progress(self) -> list[str]:
        """Return what was shown of the work so far."""
        values = (each["value"] for each in self.heard("$/progress"))
        return [value.get("message") or value["kind"] for value in values]


def start_editor(
    start: StartServer,
    project: Path,
    capabilities: Mapping[str, Any] = APPLIES,
    *,
    trusted: bool = False,
    wants_facts: bool = False,
    name: str = "",
    **environment: str,
) -> Editor:
    """Start a server for a project and open the session. Nothing hosted is asked unless the test says so."""
    project.mkdir(exist_ok=True)
    client = start(**{"COPE_LSP_CASCADE_ESCALATE": "never", **environment})
    options = {"cope": {"trusted": trusted, "consent": wants_facts}}
    declared = dict(capabilities)
    client.initialize(
        rootUri=project.as_uri(),
        capabilities=declared,
        initializationOptions=options,
        clientInfo={"name": name},
    )
    return Editor(client, project, declared)


def changes_in(edit: Json) -> list[tuple[str, Json]]:
    """Return the documents of a workspace edit with their changes, as `didChange` would tell them."""
    by_uri = [(uri, each) for uri, edits in edit.get("changes", {}).items() for each in edits]
    versioned = [
        (change["textDocument"]["uri"], each)
        for change in edit.get("documentChanges", [])
        for each in change["edits"]
    ]
    return [(uri, {"range": each["range"], "text": each["newText"]}) for uri, each in [*by_uri, *versioned]]


def edited(text: str, where: Json, new: str) -> str:
    """Return a text after an edit whose range counts UTF-16 units."""
    start, end = (offset_of(text, where[name]) for name in ("start", "end"))
    return text[:start] + new + text[end:]


def offset_of(text: str, position: Json) -> int:
    lines = text.replace("\r\n", "\0\n").split("\n")
    above = sum(len(line) + 1 for line in itertools.islice(lines, position["line"]))
    units = lines[position["line"]].encode("utf-16-le")[: 2 * position["character"]]
    with contextlib.suppress(UnicodeDecodeError):
        return above + len(units.decode("utf-16-le"))
    raise AssertionError("a range must not end inside of a character")
