"""The engine's own process: frames in on standard input, frames out on standard output.

llama.cpp can crash, block and print. Here it can do all three without harm to the language server.
"""

import os
import queue
import threading
from typing import BinaryIO

from cope_lsp.engine.wire import WIRE_VERSION, Message, Open, Refused, encode, read_messages
from cope_lsp.errors import FrameError
from cope_lsp.stdio import claim_stdio


def main() -> None:
    """Serve one client until it closes the stream."""
    frames_in, frames_out = claim_stdio()
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(frames_in, inbox), daemon=True).start()
    opening = inbox.get()
    if not isinstance(opening, Open) or opening.version != WIRE_VERSION:
        _send(frames_out, Refused(f"this engine speaks wire version {WIRE_VERSION}"))
        return
    # Imported late: native libraries are loaded when a model is wanted, after the streams are safe.
    from cope_lsp.engine.service import serve  # noqa: PLC0415

    serve(opening, inbox, lambda message: _send(frames_out, message))


def _read(frames_in: BinaryIO, inbox: queue.SimpleQueue[Message]) -> None:
    """Fill the inbox until the client is gone, then leave at once, whatever native code is doing."""
    try:
        read_messages(frames_in, inbox.put)
    except FrameError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(2)
    os._exit(0)


def _send(frames_out: BinaryIO, message: Message) -> None:
    try:
        frames_out.write(encode(message))
        frames_out.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
