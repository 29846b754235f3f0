"""llama.cpp's own programs, from Debian, as the peers that we are measured beside."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETUP = Path(__file__).parent.parent / "editors" / "setup_sid.sh"
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 300.0
CONTEXT_TOKENS_PER_SLOT = 1024


def tool(name: str) -> Path:
    """Return the path of `llama-bench` or `llama-server`, installed on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = cache / "cope-lsp-tests" / "sid"
    subprocess.run([SETUP, directory], check=True, stdout=subprocess.DEVNULL)
    return directory / "bin" / name


@dataclass(frozen=True, slots=True)
class BenchSpeed:
    """Tokens per second that llama-bench reports."""

    prompt: float
    generate: float


def llama_bench(
    model: Path,
    *,
    prompt: int,
    generate: int,
    threads: int,
    repetitions: int,
    options: Sequence[str] = (),
) -> BenchSpeed:
    """Run llama-bench on `model`; its two tests are independent of each other."""
    arguments = ["-m", model, "-p", prompt, "-n", generate, "-t", threads, "-r", repetitions, "-o", "json"]
    arguments += options
    done = subprocess.run(
        [tool("llama-bench"), *map(str, arguments)], capture_output=True, text=True, check=True
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    speeds = {"prompt" if row["n_prompt"] else "generate": row["avg_ts"] for row in rows}
    return BenchSpeed(**speeds)


@contextmanager
def llama_server(
    model: Path,
    *,
    threads: int,
    slots: int = 1,
    slot_tokens: int = CONTEXT_TOKENS_PER_SLOT,
    options: Sequence[str] = (),
    api_key: str = "",
) -> Iterator[str]:
    """Start llama-server on loopback and yield its address once it is healthy."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    context = slots * slot_tokens
    arguments = ["-m", model, "--port", port, "-t", threads, "-np", slots, "-c", context, "--no-webui"]
    arguments += [*options, *(["--api-key", api_key] if api_key else [])]
    server = subprocess.Popen(
        [tool("llama-server"), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_healthy(address)
        yield address
    finally:
        server.kill()
        server.wait()


def post(address: str, path: str, body: dict[str, Any]) -> Any:
    """Send one JSON request and return the JSON answer."""
    request = urllib.request.Request(address + path, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
        return json.load(answer)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(address: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address + "/health", timeout=1):
                return
        except OSError:
            time.sleep(0.005)
    msg = f"llama-server did not come up within {START_TIMEOUT_S:.0f} s"
    raise TimeoutError(msg)
