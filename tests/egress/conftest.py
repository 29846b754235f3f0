"""What several tests of the gate share."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the program under which no process may open an internet socket."""
    program = tmp_path_factory.mktemp("native") / "sealed"
    source = Path(__file__).with_name("sealed.c")
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-o", program, source], check=True)
    return str(program)
