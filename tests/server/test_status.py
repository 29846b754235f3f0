"""What `cope.server.status` tells of the index of a workspace: by a real server, of a real folder."""

from pathlib import Path

import psutil

from tests.random_model import write_random_model
from tests.server.conftest import StartServer
from tests.server.wire_client import WireClient, open_message, paused, wait_until

MODULE = "cope_lsp.context.index.worker"


def in_workspace(start_server: StartServer, folder: Path) -> WireClient:
    folder.mkdir()
    (folder / "tools.py").write_text("def unusual(x): ...\n")
    model = write_random_model(folder.parent / "random.gguf")  # with room for code of other files
    client = start_server(COPE_LSP_MODEL_PATH=str(model))
    client.initialize(rootUri=folder.as_uri())
    return client


def index_process(client: WireClient) -> psutil.Process:
    children = psutil.Process(client.process.pid).children(recursive=True)
    (found,) = (child for child in children if MODULE in child.cmdline())
    return found


def test_how_far_an_index_is_and_what_it_takes_is_told(start_server: StartServer, tmp_path: Path) -> None:
    client = in_workspace(start_server, tmp_path / "project")
    assert client.status()["index"] is None
    client.send(open_message((tmp_path / "project" / "main.py").as_uri(), "x = 1\n"))
    wait_until(lambda: any(each["complete"] for each in client.status()["index"] or ()), "it is complete")
    (index,) = client.status()["index"]
    assert index.pop("memoryBytes") > 1_000_000
    assert index == {"workspace": "project", "files": 1, "complete": True, "stopped": ""}
    with paused(index_process(client)):
        (known,) = client.status()["index"]
    assert known["complete"], "of one that does not answer, what it said last is told"


def test_that_an_index_was_given_up_is_told_and_logged(start_server: StartServer, tmp_path: Path) -> None:
    client = in_workspace(start_server, tmp_path / "project")
    client.send(open_message((tmp_path / "project" / "main.py").as_uri(), "x = 1\n"))

    def is_given_up() -> bool:
        known = client.status()["index"]
        if known and not known[0]["stopped"]:
            index_process(client).kill()
        return bool(known and known[0]["stopped"])

    wait_until(is_given_up, "it died too often")
    (index,) = client.status()["index"]
    assert index == {
        "workspace": "project",
        "files": 0,
        "complete": False,
        "stopped": "it died too often",
        "memoryBytes": 0,
    }
    assert b"is off until the server is restarted" in client.errors
