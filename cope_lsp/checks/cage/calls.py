"""System calls that nobody in a cage needs: they lead around its walls, or into much code of the kernel.

The namespaces of a cage do not hold everything: sockets to the machine that runs this virtual one (AF_VSOCK)
belong to no network of a cage. A filter of the kernel (seccomp) answers such calls as if they did not exist,
for this process and all that it starts. It is a second wall; the first ones stand without it.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator, Sequence

FAMILIES = (1, 2, 10, 16)
"""Sockets that may be made: local ones, IPv4, IPv6, and netlink, which tells of interfaces."""

_REFUSED = {
    "x86_64": (248, 249, 250, 298, 321, 323, 425),
    "aarch64": (217, 218, 219, 241, 280, 282, 425),
}
"""add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd, io_uring_setup; the last opens sockets."""
_SOCKET = {"x86_64": 41, "aarch64": 198}
_MACHINE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_OTHER_NUMBERS = 0x4000_0000
"""From here on x86-64 has its calls a second time."""

_LOAD, _IF_EQUAL, _IF_GREATER, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENT_AT = 0, 4, 16
_ALLOW, _FAIL_WITH = 0x7FFF_0000, 0x0005_0000
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

_Instruction = tuple[int, int, int, int]
"""Operation, how many to skip if true, how many if false, operand."""


def program(machine: str) -> list[_Instruction]:
    """Return the filter for a kind of machine: a program for the kernel's small virtual machine.

    Raises:
        KeyError: its calls are not known here.
    """
    unknown = [(_RETURN, 0, 0, _FAIL_WITH | errno.ENOSYS)]
    return [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, _MACHINE[machine]),  # no other machine's numbers, such as those of 32-bit programs
        *unknown,
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_GREATER, 0, 1, _OTHER_NUMBERS),
        *unknown,
        *(step for number in _REFUSED[machine] for step in ((_IF_EQUAL, 0, 1, number), *unknown)),
        (_IF_EQUAL, 1, 0, _SOCKET[machine]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _ARGUMENT_AT),
        *(step for family in FAMILIES for step in ((_IF_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW))),
        (_RETURN, 0, 0, _FAIL_WITH | errno.EAFNOSUPPORT),
    ]


def refuse_calls() -> None:
    """Set the filter on this process, which must have given up gaining privileges.

    Raises:
        OSError: the kernel does not take it.
    """
    machine = platform.machine()
    if machine not in _MACHINE:
        return
    _install(program(machine))


def _install(instructions: Sequence[_Instruction]) -> None:
    code = ctypes.create_string_buffer(b"".join(_packed(instructions)))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(instructions), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    if libc.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(whole), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "system calls cannot be filtered")


def _packed(instructions: Sequence[_Instruction]) -> Iterator[bytes]:
    for operation, if_true, if_false, operand in instructions:
        yield struct.pack("HBBI", operation, if_true, if_false, operand)
