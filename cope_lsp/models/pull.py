"""A pull: brings one model file into the store, from a hub or from this machine, whole or not at all."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cope_lsp.errors import DownloadError
from cope_lsp.models.address import Remote
from cope_lsp.models.hub import Hub
from cope_lsp.models.part import CHUNK_BYTES, Part, sweep
from cope_lsp.models.store import LOCAL, Held, Store, Tell, is_gguf, sum_of

ATTEMPTS_MAX = 20
"""How often a broken connection is taken up again, as long as every attempt brings something."""

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


def from_hub(hub: Hub, store: Store, remote: Remote, tell: Tell) -> Held:
    """Fetch `remote`, going on where an earlier run stopped, and return the model.

    Raises:
        DownloadError: it did not come; what came is kept for the next run, unless it was wrong.
    """
    target = store.place(remote.repository, remote.file)
    with _disk_trouble(target), store.locked(target):
        known = store.at(target)
        if known and known.sha256 == remote.sha256:
            return known
        if target.is_file() and target.stat().st_size == remote.bytes and sum_of(target) == remote.sha256:
            sweep(target)  # it was put here by hand, or by a run that was killed
            return store.record(target, remote, hub.base)
        _fetch(hub, store, remote, target, tell)
        return store.record(target, remote, hub.base)


def _fetch(hub: Hub, store: Store, remote: Remote, target: Path, tell: Tell) -> None:
    part = Part(target, remote)
    try:
        store.make_sure_of_room(target, remote.bytes - part.size)
        _fill(hub, part, remote, tell)
        if not part.is_whole and part.found:  # a power cut can leave bytes that never came
            part.begin_again()
            _fill(hub, part, remote, tell)
        _look(part, remote)
        store.forget(target)
        part.become(target)
    finally:
        part.close()


def _fill(hub: Hub, part: Part, remote: Remote, tell: Tell) -> None:
    """Bring the missing bytes; take a broken connection up again as long as that leads on."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        before = part.size
        try:
            _read(hub, part, remote, tell)
        except DownloadError as error:
            if error.reason != "cut-short" or part.size <= before or attempt == ATTEMPTS_MAX:
                raise
        else:
            return


def _read(hub: Hub, part: Part, remote: Remote, tell: Tell) -> None:
    if part.size == remote.bytes:
        return
    with hub.open(remote, part.size) as opened:
        if not opened.goes_on:
            part.begin_again()
        for piece in opened.pieces:
            part.write(piece)
            tell(part.size)
    if part.size < remote.bytes:
        msg = f"{part.size} of {remote.bytes} bytes came; run the command again to go on"
        raise DownloadError("cut-short", msg)


def _look(part: Part, remote: Remote) -> None:
    if not part.is_whole:
        part.drop()
        msg = (
            f"{remote.file} is not what the hub describes (its sha256 differs); it was removed, pull it again"
        )
        raise DownloadError("wrong-sum", msg)
    if not part.is_model:
        part.drop()
        msg = f"{remote.file} is no GGUF file; it was removed, choose another"
        raise DownloadError("not-understood", msg)


def from_file(store: Store, path: Path, tell: Tell, *, sha256: str = "", link: bool = False) -> Held:
    """Take a file of this machine into the store and return the model.

    One that lies in the store already, where a person has put it, is only checked.

    Args:
        store: where it goes.
        path: the file.
        tell: is told the bytes that are done.
        sha256: what its sum must be; "" when that is not known.
        link: leave the file where it is and link to it.

    Raises:
        DownloadError: it is no GGUF file, is not the file of that sum, or cannot be taken in.
    """
    path = path.absolute()
    if not is_gguf(path):
        msg = f"{path} is no GGUF file; name one, or a model of the catalogue"
        raise DownloadError("not-understood", msg)
    inside = path.is_relative_to(store.folder)
    target = path if inside else store.folder / LOCAL / f"{path.stem}.gguf"
    with _disk_trouble(target), store.locked(target):
        found = sum_of(path, tell)
        if sha256 and found != sha256.lower():
            msg = f"{path} has the sha256 {found}, not {sha256}; carry it here again"
            raise DownloadError("wrong-sum", msg)
        owner = path.parent.relative_to(store.folder).as_posix() if inside else LOCAL
        remote = Remote(owner, path.name, "unknown", found, path.stat().st_size)
        if not inside:
            _look_for_namesake(store, target, found)
            store.forget(target)
            _take(store, path, target, remote, link=link)
        return store.record(target, remote, "")


def _look_for_namesake(store: Store, target: Path, sha256: str) -> None:
    known = store.at(target)
    if known and known.sha256 != sha256:
        msg = f"another model is called {known.name}; rename the file that you bring, or delete {target}"
        raise DownloadError("unwritable", msg)


def _take(store: Store, path: Path, target: Path, remote: Remote, *, link: bool) -> None:
    if link:
        target.unlink(missing_ok=True)
        target.symlink_to(path)
        return
    part = Part(target, remote)
    try:
        part.begin_again()
        store.make_sure_of_room(target, remote.bytes)
        with path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                part.write(piece)
        _look(part, remote)
        part.become(target)
    finally:
        part.close()


@contextmanager
def _disk_trouble(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = f"the disk is full: {target.parent}; make room and run the command again to go on"
            raise DownloadError("disk-full", msg) from error
        msg = f"{target.parent} cannot be written: {error.strerror}; mend that and run the command again"
        raise DownloadError("unwritable", msg) from error
