"""Files that are no models, and files that may not be read: one clear error each, and the server lives."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cope_lsp.models.catalog import embedded_path
from tests.engine.mutants import murderous
from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of


def scrambled(path: Path) -> None:
    data = bytearray(embedded_path().read_bytes())
    data[16:6000] = b"\xff" * 5984
    path.write_bytes(data)


def unreadable(path: Path) -> None:
    shutil.copy(embedded_path(), path)
    path.chmod(0)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "No such file.*check the path"),
    "directory": (lambda path: path.mkdir(), "Is a directory"),
    "empty": (lambda path: path.touch(), "not a GGUF file"),
    "text": (lambda path: path.write_text("no model at all\n"), "not a GGUF file"),
    "cut off": (lambda path: path.write_bytes(embedded_path().read_bytes()[:200_000]), "it is incomplete"),
    "scrambled": (scrambled, "not a GGUF file that can be loaded"),
    "murderous": (
        lambda path: path.write_bytes(murderous(embedded_path().read_bytes())),
        "died while it loaded|the engine is off: it died",
    ),
    "unreadable": (unreadable, "Permission denied"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_model_is_one_clear_error(
    start_server: StartServer, tmp_path: Path, fault: str
) -> None:
    make, message = FAULTS[fault]
    model = tmp_path / "some.gguf"
    make(model)
    client = start_server(COPE_LSP_MODEL_PATH=str(model))
    client.initialize()
    uri = client.open(PLACES[0])
    for _ in range(3):
        assert client.inline(uri, *end_of(PLACES[0]))["items"] == []
    status = client.status()
    assert status["kind"] == "Error"
    assert re.search(message, status["message"]), status
    assert client.workers() == []
    assert client.shut_down() == 0
