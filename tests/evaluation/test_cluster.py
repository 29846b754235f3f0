"""A run on a Ray cluster of this machine, with two workers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation.test_run import PRICES, by_method, ran, record_of, same, shell_in

METHODS = "all"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a cluster with two workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("ray") / "log"
    options = ("--head", "--num-cpus=2", f"--port={port}", "--include-dashboard=false", "--block")
    with log.open("wb") as file:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", *options],
            stdout=file, stderr=file, start_new_session=True,
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        )  # fmt: skip
        try:
            while b"block forever" not in log.read_bytes():
                assert head.poll() is None, log.read_text()
            yield f"127.0.0.1:{port}"
        finally:
            head.send_signal(signal.SIGTERM)
            head.wait(60)


def test_a_run_on_a_cluster_equals_a_local_one(tmp_path: Path, address: str) -> None:
    shell = shell_in(tmp_path)
    local = ran(shell, "local.jsonl", METHODS)
    spread = ran(shell, "spread.jsonl", METHODS, "--ray", address, "--jobs", "2")
    assert same(spread, local)
    assert {call.key for call in spread.calls.values()} == {call.key for call in local.calls.values()}


def test_a_budget_is_divided_among_the_workers(tmp_path: Path, address: str) -> None:
    shell = shell_in(tmp_path)
    done = shell.run(
        *("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "large-alone", "--budget", "0.02"),
        *("--ray", address, "--jobs", "2", *PRICES),
    )
    assert done.returncode == 1
    assert "the budget of 0.01 USD is reached" in done.stderr
    assert not by_method(record_of(shell))["large-alone"]
