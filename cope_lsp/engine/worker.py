"""The engine's own process: frames in and out, over standard streams for one client or a socket for several.

llama.cpp can crash, block and print. Here it can do all three without harm to the language server.
"""

import argparse
import os
import queue
import sys
from pathlib import Path
from typing import NoReturn

from cope_lsp.engine.clients import Clients
from cope_lsp.engine.connection import Connection, Letter
from cope_lsp.engine.local_socket import CANNOT_LISTEN, TAKEN, NoSocketError
from cope_lsp.engine.neighbours import make_room
from cope_lsp.engine.wire import WIRE_VERSION, Open, Refused
from cope_lsp.errors import ModelFileError
from cope_lsp.stdio import claim_stdio

FIRST_CLIENT_S = 3.0
"""Who starts an engine connects to it at once; one that died before must not leave an engine behind."""


def main() -> NoReturn:
    """Serve clients until the last of them is gone."""
    parser = argparse.ArgumentParser(prog="python -m cope_lsp.engine.worker", description=__doc__)
    parser.add_argument("--socket", type=Path, metavar="FILE", help="serve whoever connects to it")
    path = parser.parse_args().socket
    clients = Clients()
    if path is None:
        frames_in, frames_out = claim_stdio()
        clients.add(Connection(frames_in, frames_out, lambda: os._exit(0)))
    else:
        _listen(clients, path)
    _serve(clients, path)


def _listen(clients: Clients, path: Path) -> None:
    try:
        if not clients.listen(path):
            sys.exit(TAKEN)
        _begin_log(path.with_suffix(".log"))
    except (NoSocketError, OSError, NotImplementedError) as error:  # the last: of a lock
        os.write(2, f"{error}\n".encode())
        sys.exit(CANNOT_LISTEN)


def _begin_log(path: Path) -> None:
    """Let what is printed here go to a file that begins anew, so that last words can be read."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _serve(clients: Clients, path: Path | None) -> NoReturn:
    first = _first_opening(clients)
    opening = first.message
    assert isinstance(opening, Open)
    if path is not None:
        make_room(path, Path(opening.model_path), opening.settings.memory_bytes_max)
    # Imported late: native libraries are loaded when a model is wanted, after the streams are safe.
    from cope_lsp.engine.service import Service  # noqa: PLC0415

    try:
        service = Service(opening, clients.__len__)
    except ModelFileError as error:
        clients.farewell(Refused(str(error)))
    clients.glance = service.glance
    service.run(first, clients.inbox, clients.leave)


def _first_opening(clients: Clients) -> Letter:
    """Return the first letter that names a model; who only inquires is not answered before."""
    while True:
        try:
            letter = clients.inbox.get(timeout=FIRST_CLIENT_S)
        except queue.Empty:
            clients.leave("nobody wanted a model")
        match letter.message:
            case Open(version=version) if version == WIRE_VERSION:
                return letter
            case Open():
                letter.sender.send(Refused(f"this engine speaks wire version {WIRE_VERSION}"))


if __name__ == "__main__":
    main()
