"""The cage: namespaces of Linux in which a program sees an interpreter, an empty folder, and nothing else.

`enter` is called once by a fresh process, whose child is then the first process of a cage of its own: no
network, no processes but its own, and a root of read-only system folders without /home, /etc, /proc, /var or
/run. `confine` is called by each child that is about to run somebody's code: it takes away every privilege,
and gives the child a writable folder of its own if it needs one. Only libc is used; nothing has to
be installed.

What is not covered: the kernel's own faults (no system calls are filtered), what everybody may read in the
system folders, and the memory of all processes together (each is limited, and so is their number).
"""

import contextlib
import ctypes
import os
import platform
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr", "/nix/store")
"""Where an interpreter finds its libraries; those that are links stay links."""

DEVICES = ("null", "zero", "random", "urandom")

NOBODY = 65_534
FOLDER = "/tmp"  # noqa: S108 - a file system of the cage, which nobody else sees

_libc = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4_096, 16_384, 1 << 18
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442  # the same on every architecture; Linux 5.12
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
_KEYCTL_JOIN_SESSION_KEYRING = 1
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION = 0x2008_0522
_SIGKILL = 9


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one program may use at most."""

    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    """Address space of each process."""
    file_bytes: int = 16 << 20
    folder_bytes: int = 64 << 20
    processes: int = 24
    """Of one cage together, its own three among them."""
    open_files: int = 64


def enter() -> None:
    """Return as the first process of a new cage; the calling process stays outside and ends when it does.

    Raises:
        OSError: this system does not allow it.
    """
    is_root = os.geteuid() == 0
    ready, go = os.pipe(), os.pipe()
    if guard := os.fork():
        os.close(ready[1])
        if os.read(ready[0], 1):
            _map_users(guard, is_root=is_root)
            os.write(go[1], b"1")
        _end_with(guard)
    os.close(go[1])
    _check(
        _libc.unshare(
            _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS
        )
    )
    os.write(ready[1], b"1")
    if not os.read(go[0], 1):
        raise OSError("its users could not be set up")
    if first := os.fork():
        _end_with(first)
    for end in (*ready, go[0]):
        os.close(end)
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    _leave_keyring()
    _forbid_more_namespaces()
    _furnish()
    _bound_privileges()
    _prctl(_PR_SET_DUMPABLE, 0)  # no other process may look into this one or stop it with a debugger


def confine(bounds: Bounds, *, may_write: bool) -> None:
    """Take every privilege from this process, and leave it in an empty folder of its own, if it may write.

    Raises:
        OSError: it could not be done; nothing foreign may run then.
    """
    if may_write:
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC))
        options = f"size={bounds.folder_bytes},nr_inodes=4096,mode=1777"
        _mount("tmpfs", FOLDER, "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    os.chdir(FOLDER)
    _drop_privileges()
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_NOFILE, bounds.open_files),
        (resource.RLIMIT_NPROC, bounds.processes),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _end_with(child: int) -> None:
    """Wait for a child and end as it did: when this process is gone, so is everything in the cage."""
    with contextlib.suppress(KeyboardInterrupt):
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    os._exit(1)


def _map_users(child: int, *, is_root: bool) -> None:
    """Say who is who in the child's user namespace: nobody is this user, or really nobody when root calls."""
    own = f"0 0 1\n{NOBODY} {NOBODY} 1\n" if is_root else f"{NOBODY} {os.geteuid()} 1\n"
    group = own if is_root else f"{NOBODY} {os.getegid()} 1\n"
    folder = Path("/proc") / str(child)
    if not is_root:
        (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(own)
    (folder / "gid_map").write_text(group)


def _leave_keyring() -> None:
    """Forget the keys that the kernel keeps for the user's session."""
    if number := _SYS_KEYCTL.get(platform.machine()):
        _libc.syscall(ctypes.c_long(number), ctypes.c_long(_KEYCTL_JOIN_SESSION_KEYRING), None)


def _forbid_more_namespaces() -> None:
    """Let no program in here become root of something, which is where most faults of kernels are."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _furnish() -> None:
    """Build the root: an empty file system with the system's folders, read-only."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", FOLDER, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    old = Path("/old")
    Path(f"{FOLDER}{old}").mkdir()
    _check(_libc.pivot_root(FOLDER.encode(), f"{FOLDER}{old}".encode()))
    os.chdir("/")
    for path in dict.fromkeys((*SYSTEM, sys.base_prefix)):
        _show(Path(path), old)
    for name in DEVICES:
        device = Path("/dev") / name
        device.parent.mkdir(exist_ok=True)
        device.touch()
        _mount(str(old / "dev" / name), str(device), None, _MS_BIND)
    Path(FOLDER).mkdir()
    _check(_libc.umount2(str(old).encode(), _MNT_DETACH))
    old.rmdir()
    _set_attributes("/", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0)


def _show(path: Path, old: Path) -> None:
    """Let a folder of the system be seen, but not changed."""
    source = old / path.relative_to("/")
    if path.exists():
        return
    if source.is_symlink():
        path.symlink_to(source.readlink())
        return
    if not source.is_dir():
        return
    path.mkdir(parents=True)
    _mount(str(source), str(path), None, _MS_BIND | _MS_REC)
    _set_attributes(str(path), _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, _AT_RECURSIVE)


def _bound_privileges() -> None:
    """Let no program that is started from here gain a privilege that its starter lacks."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _drop_privileges() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()))
    _prctl(_PR_SET_DUMPABLE, 0)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [text and text.encode() for text in (source, target, kind, options)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), target)


def _set_attributes(path: str, attributes: int, flags: int) -> None:
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    arguments = (_SYS_MOUNT_SETATTR, _AT_FDCWD)
    _check(
        _libc.syscall(
            *map(ctypes.c_long, arguments), path.encode(), ctypes.c_uint(flags), wanted, ctypes.c_size_t(32)
        ),
        path,
    )


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def _check(result: int, path: str = "") -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
