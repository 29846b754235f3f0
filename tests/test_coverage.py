"""What must be tested branch by branch is."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PURE = ("plan", "confidence", "decide")
"""The modules of cope_lsp/cascade that decide about money and about what is shown."""


def test_every_branch_of_the_pure_core_is_tested_by_its_own_tests(tmp_path: Path) -> None:
    data = f"--data-file={tmp_path / 'coverage'}"
    tests = [f"tests/cascade/test_{name}.py" for name in PURE]
    files = ",".join(f"cope_lsp/cascade/{name}.py" for name in PURE)
    for command in (
        ["run", "--branch", data, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        ["report", data, f"--include={files}", "--fail-under=100", "--show-missing"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "TOTAL" in done.stdout
    assert done.stdout.count("100%") == len(PURE) + 1
