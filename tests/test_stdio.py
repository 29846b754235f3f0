"""The protocol's streams belong to the protocol."""

import subprocess
import sys

NOISY = """
import ctypes, os, subprocess, sys
from cope_lsp.stdio import claim_stdio

protocol_in, protocol_out = claim_stdio()
print("python prints")
os.write(1, b"somebody writes to descriptor 1")
libc = ctypes.CDLL(None)
libc.puts(b"native code prints")
libc.fflush(None)
subprocess.run([sys.executable, "-c", "import sys; print('a child prints', sys.stdin.read())"])
protocol_out.write(b"protocol:" + protocol_in.read())
protocol_out.flush()
"""


def test_nothing_but_the_protocol_reaches_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOISY], input=b"for the protocol only", capture_output=True, check=True
    )
    assert done.stdout == b"protocol:for the protocol only"
    for noise in (b"python prints", b"descriptor 1", b"native code prints", b"a child prints"):
        assert noise in done.stderr
