"""An editor at the level of bytes: it can say what no library would let it say, and hears every frame."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import psutil

Json = dict[str, Any]

ANSWER_TIMEOUT_S = 30.0
POLL_S = 0.01
ABSENT: Final = object()
"""Stands for params that are not sent at all."""

_READ_ANYTHING = "-dac_override,-dac_read_search"
_AS_A_USER = (
    ("setpriv", f"--bounding-set={_READ_ANYTHING}", f"--inh-caps={_READ_ANYTHING}")
    if os.geteuid() == 0
    else ()
)
"""Tests may run as root, whom no permission stops: the server is started without that power."""

COMMAND = (*_AS_A_USER, sys.executable, "-P", "-m", "cope_lsp", "serve", "--stdio")


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Return when `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(POLL_S)


class WireClient:
    """One real server process and everything that it said."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=folder,
        )
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        self.responses: dict[Any, list[Json]] = {}
        self.notifications: list[Json] = []
        self.not_lsp = b""
        """What came on standard output and is no LSP frame. The fixture asserts that it stays empty."""
        self.errors = bytearray()
        """What came on standard error."""
        self._heard = threading.Condition()
        self._last_id = 0
        self._last_file = 0
        self._seen = {self.process.pid: psutil.Process(self.process.pid)}
        self._threads = [
            threading.Thread(target=self._read_frames, args=(stdout,), daemon=True),
            threading.Thread(target=self._drain, args=(stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # -- speaking -------------------------------------------------------------------------------

    def send_body(self, *bodies: bytes) -> None:
        """Send frames with these bodies, in one write."""
        frames = (b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
        self.stdin.write(b"".join(frames))
        self.stdin.flush()

    def send(self, *messages: Json) -> None:
        """Send messages in one write, so that the server finds them all at once."""
        self.send_body(*(json.dumps({"jsonrpc": "2.0"} | message).encode() for message in messages))

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def next_uri(self) -> str:
        self._last_file += 1
        return f"file:///project/file_{self._last_file}.py"

    def request(self, method: str, params: object = ABSENT) -> int:
        """Send a request and return its id."""
        request_id = self.next_id()
        self.send({"id": request_id} | message(method, params))
        return request_id

    def notify(self, method: str, params: object = ABSENT) -> None:
        self.send(message(method, params))

    # -- hearing --------------------------------------------------------------------------------

    def response(self, request_id: object, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        """Return the response to a request, with its `result` or its `error`."""
        with self._heard:
            answered = self._heard.wait_for(lambda: self.responses.get(request_id), timeout_s)
        assert answered, f"no answer to request {request_id}; standard error: {self.errors.decode()[-2000:]}"
        return answered[0]

    def result(self, request_id: object, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        answer = self.response(request_id, timeout_s)
        assert "result" in answer, answer
        return answer["result"]

    def ask(self, method: str, params: object = ABSENT, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """Send a request and return the result."""
        return self.result(self.request(method, params), timeout_s)

    def error(self, method: str, params: object = ABSENT) -> Json:
        """Send a request that must fail and return the error."""
        answer = self.response(self.request(method, params))
        assert "error" in answer, answer
        error: Json = answer["error"]
        return error

    def _read_frames(self, stdout: IO[bytes]) -> None:
        while header := stdout.readline():
            name, _, value = header.partition(b": ")
            if name == b"Content-Length":
                length = int(value)
            elif header == b"\r\n":
                self._hear(json.loads(stdout.read(length)))
            elif name != b"Content-Type":
                self.not_lsp += header

    def _hear(self, heard: Json) -> None:
        with self._heard:
            if "method" in heard:
                self.notifications.append(heard)
            else:
                self.responses.setdefault(heard["id"], []).append(heard)
            self._heard.notify_all()

    def _drain(self, stderr: IO[bytes]) -> None:
        while chunk := stderr.read1(65536):  # type: ignore[attr-defined]  # a pipe is a BufferedReader
            self.errors += chunk

    # -- the life of a session --------------------------------------------------------------------

    def initialize(self, *, encoding: str = "utf-16", ghost_text: bool = True, **params: Any) -> Json:
        """Open the session as an editor with or without ghost text and return the capabilities."""
        text_document: Json = {"inlineCompletion": {}} if ghost_text else {}
        capabilities = {"general": {"positionEncodings": [encoding]}, "textDocument": text_document}
        own = {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities}
        answer: Json = self.ask("initialize", own | params)
        self.notify("initialized", {})
        capabilities_sent: Json = answer["capabilities"]
        return capabilities_sent

    def open(self, text: str, language: str = "python") -> str:
        """Open a document that was not there before and return its URI."""
        uri = self.next_uri()
        self.send(open_message(uri, text, language))
        return uri

    def change(self, uri: str, *changes: Json, version: int = 2) -> None:
        self.send(change_message(uri, *changes, version=version))

    def command(self, name: str, *arguments: object, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        params = {"command": name, "arguments": list(arguments)}
        return self.ask("workspace/executeCommand", params, timeout_s)

    def status(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        answer: Json = self.command("cope.server.status", timeout_s=timeout_s)
        return answer

    def inline(self, uri: str, line: int, character: int, **context: Any) -> Any:
        """Ask for ghost text and return the answer."""
        return self.ask(INLINE, inline_params(uri, line, character, **context))

    def workers(self) -> list[psutil.Process]:
        """Return the engine's processes that run now."""
        try:
            children = self._seen[self.process.pid].children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._seen |= {child.pid: child for child in children}
        return [child for child in children if is_worker(child)]

    def worker(self) -> psutil.Process:
        """Return the one engine process, waiting until it is there."""
        wait_until(self.workers, "an engine process runs")
        (found,) = self.workers()
        return found

    def hang_up(self) -> int:
        """Close the server's input, as a dying editor does, and return the exit code."""
        self.stdin.close()
        return self.process.wait(timeout=5)

    def shut_down(self, timeout_s: float = 10.0) -> int:
        """End the session as the specification wants it and return the server's exit code."""
        self.ask("shutdown", timeout_s=timeout_s)
        self.notify("exit")
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """End the server and every process that it started, whatever state they are in."""
        self.workers()
        for process in self._seen.values():
            if process.is_running():
                process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        with self.process:
            pass


INLINE = "textDocument/inlineCompletion"


def message(method: str, params: object = ABSENT) -> Json:
    return {"method": method} if params is ABSENT else {"method": method, "params": params}


def inline_params(uri: str, line: int, character: int, **context: Any) -> Json:
    """Return the params of a request for ghost text, by default one that the user asked for."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 1} | context,
    }


def open_message(uri: str, text: str, language: str = "python") -> Json:
    item = {"uri": uri, "languageId": language, "version": 1, "text": text}
    return message("textDocument/didOpen", {"textDocument": item})


def change_message(uri: str, *changes: Json, version: int = 2) -> Json:
    params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)}
    return message("textDocument/didChange", params)


def insertion(line: int, character: int, text: str) -> Json:
    """Return the change of somebody who types at a position."""
    here = {"line": line, "character": character}
    return {"range": {"start": here, "end": here}, "text": text}


@contextlib.contextmanager
def paused(process: psutil.Process) -> Iterator[None]:
    """Stop a process for a while: what is sent to it meanwhile certainly comes before its answer."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is an engine that runs; a zombie does not."""
    try:
        return "cope_lsp.engine.worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
