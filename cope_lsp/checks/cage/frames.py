"""What passes between a cage's keeper and the process that started it."""

import struct

REQUEST = struct.Struct(">III")
"""Bytes of the draft, bytes of the tests, milliseconds; then the draft, and the tests as JSON."""

ANSWER = struct.Struct(">BII")
"""How it ended (an index of ENDINGS), bytes of the report, bytes of the output; then both.

The report has a line of JSON for each test: a judgement, and the evidence.
"""

ENDINGS = ("finished", "timed-out", "flooded")

READY = b"ready\n"
"""The keeper's first word."""
