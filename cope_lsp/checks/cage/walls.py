"""The walls of a cage: Linux namespaces in which a program sees an interpreter and an empty folder only.

`enter` is called once by a fresh process, whose child is then the first process of a cage of its own: no
network, no processes but its own, and a root of read-only system folders without /home, /etc, /proc, /var or
/run. `confine` is called by each child that is about to run somebody's code: it takes away every privilege,
and gives the child a writable folder of its own if it needs one. Only libc is used; nothing has to
be installed. What else a root holds is up to who furnishes it: `furnish_bare` here, `suite/root` for a
repository.

What is not covered: the kernel's own faults (few system calls are filtered, see `calls`), what everybody may
read in the system folders, and the memory of all processes together (each is limited, and so is their
number).
"""

import contextlib
import ctypes
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.checks.cage.calls import refuse_calls

SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr", "/nix/store")
"""Where an interpreter finds its libraries; those that are links stay links."""

DEVICES = ("null", "zero", "full", "random", "urandom")

NOBODY = 65_534
FOLDER = "/tmp"  # noqa: S108 - a file system of the cage, which nobody else sees
OLD = Path("/old")
"""Where a furnisher finds the system as it is outside."""

CAP_DAC_OVERRIDE, CAP_FOWNER = 1, 3
OWNER_CAPABILITIES = (CAP_DAC_OVERRIDE, CAP_FOWNER)
"""To use files as their owner may; the files of nobody but the users that the cage knows."""

_libc = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, _MS_PRIVATE = 2, 4, 8, 4_096, 16_384, 1 << 18
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442  # the same on every architecture; Linux 5.12
_AT_FDCWD, AT_RECURSIVE = -100, 0x8000
_READ_ONLY_DEVICE = 1 | 2  # and no set-user-id program
READ_ONLY = _READ_ONLY_DEVICE | 4  # and no device
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
_KEYCTL_JOIN_SESSION_KEYRING = 1
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION = 0x2008_0522
_CAPABILITIES_MAX = 64  # as many as a set can hold; 41 are in use
_SIGKILL = 9


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one program may use at most."""

    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    """Address space of each process."""
    data_bytes: int = 1 << 30
    """Of that, what a process can write to and shares with nobody."""
    file_bytes: int = 16 << 20
    folder_bytes: int = 64 << 20
    processes: int = 24
    """Of one cage together, its own three among them."""
    open_files: int = 64


def enter(
    furnish: Callable[[], None] | None = None,
    *,
    owner: tuple[int, int] | None = None,
    kept: tuple[int, ...] = (),
) -> None:
    """Return as the first process of a new cage; the calling process stays outside and ends when it does.

    Args:
        furnish: builds the root; called with all the privileges of the cage. None: `furnish_bare`.
        owner: where root calls, a user and a group that the cage shall know beside root and nobody.
        kept: capabilities that may be left to a child of the cage's first process.

    Raises:
        OSError: this system does not allow it.
    """
    is_root = os.geteuid() == 0
    ready, go = os.pipe(), os.pipe()
    if guard := os.fork():
        os.close(ready[1])
        if os.read(ready[0], 1):
            _map_users(guard, owner if is_root else None, is_root=is_root)
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
    (furnish or furnish_bare)()
    _bound_privileges(kept)
    _prctl(_PR_SET_DUMPABLE, 0)  # no other process may look into this one or stop it with a debugger


def furnish_bare() -> None:
    """Build the root of a cage for drafts that need nothing but an interpreter."""
    with empty_root():
        Path(FOLDER).mkdir()


@contextlib.contextmanager
def empty_root() -> Iterator[None]:
    """Make the root an empty file system with the system's folders; what is outside is at OLD until the end.

    Afterwards the root is read-only, but for what was mounted into it meanwhile.
    """
    mount(None, "/", None, MS_REC | _MS_PRIVATE)
    mount("tmpfs", FOLDER, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    Path(f"{FOLDER}{OLD}").mkdir()
    _check(_libc.pivot_root(FOLDER.encode(), f"{FOLDER}{OLD}".encode()))
    os.chdir("/")
    for path in dict.fromkeys((*SYSTEM, sys.base_prefix)):
        if not Path(path).exists():
            show(Path(path))
    for name in DEVICES:
        device = Path("/dev") / name
        device.parent.mkdir(exist_ok=True)
        device.touch()
        mount(str(outside(device)), str(device), None, MS_BIND)
        set_attributes(str(device), _READ_ONLY_DEVICE, 0)  # of its inode; it can be written to as a device
    yield
    detach(OLD)
    set_attributes("/", READ_ONLY, 0)


def show(path: Path, source: Path | None = None) -> None:
    """Let a folder or a file be seen at a path, but not changed; a link stays a link.

    Args:
        path: where it is seen.
        source: where it is outside, a path without links; None: at the same path.
    """
    found = outside(source or path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if found.is_symlink():
        path.symlink_to(found.readlink())
        return
    if not found.exists():
        return
    if found.is_dir():
        path.mkdir(exist_ok=True)
    else:
        path.touch()
    mount(str(found), str(path), None, MS_BIND | MS_REC)
    set_attributes(str(path), READ_ONLY, AT_RECURSIVE)


def outside(path: Path) -> Path:
    """Return where an absolute path of the system outside is found while a root is furnished."""
    return OLD / path.relative_to("/")


def detach(path: Path) -> None:
    """Take a mount away from sight; what was made from it stays."""
    _check(_libc.umount2(str(path).encode(), _MNT_DETACH), str(path))
    path.rmdir()


def confine(bounds: Bounds, *, may_write: bool) -> None:
    """Take every privilege from this process, and leave it in an empty folder of its own, if it may write.

    Raises:
        OSError: it could not be done; nothing foreign may run then.
    """
    if may_write:
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC))
        options = f"size={bounds.folder_bytes},nr_inodes=4096,mode=1777"
        mount("tmpfs", FOLDER, "tmpfs", MS_NOSUID | MS_NODEV, options)
    os.chdir(FOLDER)
    drop_privileges()
    limit(bounds)


def limit(bounds: Bounds) -> None:
    """Set the limits of this process and of those that it starts."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_DATA, bounds.data_bytes),
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


def _map_users(child: int, owner: tuple[int, int] | None, *, is_root: bool) -> None:
    """Say who is who in the child's user namespace: nobody is this user, or really nobody when root calls."""
    user, group_owner = owner or (0, 0)
    own = _themselves({0, NOBODY, user}) if is_root else f"{NOBODY} {os.geteuid()} 1\n"
    group = _themselves({0, NOBODY, group_owner}) if is_root else f"{NOBODY} {os.getegid()} 1\n"
    folder = Path("/proc") / str(child)
    if not is_root:
        (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(own)
    (folder / "gid_map").write_text(group)


def _themselves(numbers: set[int]) -> str:
    return "".join(f"{number} {number} 1\n" for number in sorted(numbers))


def _leave_keyring() -> None:
    """Forget the keys that the kernel keeps for the user's session."""
    if number := _SYS_KEYCTL.get(platform.machine()):
        _libc.syscall(ctypes.c_long(number), ctypes.c_long(_KEYCTL_JOIN_SESSION_KEYRING), None)


def _forbid_more_namespaces() -> None:
    """Let no program in here become root of something, which is where most faults of kernels are."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _bound_privileges(kept: tuple[int, ...]) -> None:
    """Let no program that is started from here gain a privilege that its starter lacks."""
    for capability in range(_CAPABILITIES_MAX):
        if capability not in kept:
            _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # fails where there is none
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_privileges(kept: tuple[int, ...] = ()) -> None:
    """Become nobody, with no capability; where root called, with `kept` and so its programs.

    Raises:
        OSError: it could not be done; nothing foreign may run then.
    """
    is_root = os.geteuid() == 0
    if is_root:
        _prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    mask = sum(1 << capability for capability in kept) if is_root else 0
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask)))
    for capability in kept if is_root else ():
        arguments = (_PR_CAP_AMBIENT_RAISE, capability, 0, 0)
        _check(_libc.prctl(_PR_CAP_AMBIENT, *map(ctypes.c_ulong, arguments)))
    _prctl(_PR_SET_DUMPABLE, 0)
    refuse_calls()


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Put a file system, or a part of one, at a path of the cage."""
    texts = [text and text.encode() for text in (source, target, kind, options)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), target)


def set_attributes(path: str, attributes: int, flags: int) -> None:
    """Change how a path is mounted: `attributes` are what mount_setattr(2) sets."""
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
