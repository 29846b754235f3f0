"""Standard streams that nothing but our own protocol can write to."""

import os
import sys
from typing import BinaryIO


def claim_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Take the process's standard input and output for a protocol and return them as binary streams.

    Afterwards descriptor 1 leads to standard error and descriptor 0 is empty, so that a `print`, a
    native library or a child process can neither write into the protocol nor read from it. Call it
    before any library is loaded that might print: llama.cpp writes to descriptor 1 directly.
    """
    protocol_in = os.dup(0)
    protocol_out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(protocol_in, "rb"), os.fdopen(protocol_out, "wb")
