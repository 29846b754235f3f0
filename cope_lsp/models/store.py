"""The models of the user: where their files lie, and what is known of each.

A file counts as a model only when its manifest lies beside it and says its size. The manifest is written last
and taken away first, so that no half-written file is ever listed, verified or used.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from cope_lsp.egress.private import write_private
from cope_lsp.errors import DownloadError
from cope_lsp.models.address import Remote
from cope_lsp.models.catalog import UNKNOWN, Recommended
from cope_lsp.models.part import CHUNK_BYTES, MAGIC, NOTE_BYTES_MAX

LOCAL = "local"
"""The owner under which files lie that came from no hub."""

ROOM_BYTES = 1_000_000
"""What must be free besides the file itself."""

Tell = Callable[[int], object]
"""Is told how many bytes are done."""


@dataclass(frozen=True, slots=True)
class Held:
    """A model file that came whole. `at` is a time of UTC in ISO 8601."""

    path: Path
    repository: str
    file: str
    revision: str
    sha256: str
    bytes: int
    hub: str
    at: str

    @property
    def name(self) -> str:
        """Return what the user may call it."""
        return f"{self.repository}/{self.file}"


class Store:
    """The files in `folder`, each as OWNER/REPOSITORY/FILE."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_data_path("cope-lsp", appauthor=False) / "models"

    def place(self, repository: str, file: str) -> Path:
        """Return where a file belongs."""
        return self.folder.joinpath(*repository.split("/"), *file.split("/"))

    def held(self) -> Iterator[Held]:
        """Yield every model that is here whole, by name."""
        yield from (held for held in self.noted() if _has_its_size(held))

    def noted(self) -> Iterator[Held]:
        """Yield every model that came whole and whose file is still there, by name, changed since or not."""
        manifests = self.folder.rglob("*.gguf.json")
        found = (_noted_at(path.with_name(path.name.removesuffix(".json"))) for path in manifests)
        yield from sorted(filter(None, found), key=lambda held: held.name)

    def at(self, path: Path) -> Held | None:
        """Return the model at `path`; None when there is none, or none that came whole."""
        held = _noted_at(path)
        return held if held and _has_its_size(held) else None

    def of(self, entry: Recommended) -> Held | None:
        """Return the model of the catalogue's `entry`; where it names no file, any of its repository."""
        if entry.file != UNKNOWN:
            return self.at(self.place(entry.repository, entry.file))
        return next((held for held in self.held() if held.repository == entry.repository), None)

    def called(self, name: str) -> Held | None:
        """Return the model of that name: OWNER/REPOSITORY/FILE, the file's name, or that without ".gguf"."""
        for held in self.held():
            plain = held.path.name
            if name in {held.name, plain, plain.removesuffix(".gguf")}:
                return held
        return None

    @contextmanager
    def locked(self, target: Path) -> Iterator[None]:
        """Let no other process change `target` meanwhile.

        Raises:
            DownloadError: another process does so now.
        """
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(target.with_name(target.name + ".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            msg = f"another cope-lsp is fetching {target.name} now; wait until it is done"
            raise DownloadError("busy", msg) from error
        try:
            yield
        finally:
            lock.release()

    def make_sure_of_room(self, target: Path, bytes_needed: int) -> None:
        """Return if the disk has room for so many more bytes.

        Raises:
            DownloadError: it has not.
        """
        free = shutil.disk_usage(target.parent).free
        if free < bytes_needed + ROOM_BYTES:
            msg = (
                f"{target.name} needs {bytes_needed / 1e9:.2f} GB more and the disk of {self.folder} has "
                f"{free / 1e9:.2f} GB free; make room and run the command again"
            )
            raise DownloadError("disk-full", msg)

    def forget(self, target: Path) -> None:
        """Take the manifest away, so that the file at `target` counts no more."""
        _manifest(target).unlink(missing_ok=True)

    def record(self, target: Path, remote: Remote, hub: str) -> Held:
        """Let the whole file at `target` count as a model from now on.

        Raises:
            OSError: that cannot be written.
        """
        held = Held(target, at=datetime.now(UTC).isoformat(timespec="seconds"), hub=hub, **asdict(remote))
        manifest = {name: value for name, value in asdict(held).items() if name != "path"}
        write_private(_manifest(target), json.dumps(manifest, indent=2) + "\n")
        return held


def sum_of(path: Path, tell: Tell | None = None) -> str:
    """Return the sha256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            done += len(piece)
            if tell:
                tell(done)
    return digest.hexdigest()


def is_gguf(path: Path) -> bool:
    """Whether a file begins as a GGUF file does. What else is in it, the engine finds out."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _noted_at(path: Path) -> Held | None:
    try:
        with _manifest(path).open("rb") as file:
            value = json.loads(file.read(NOTE_BYTES_MAX))
        return Held(path=path, **value) if path.is_file() else None
    except (OSError, ValueError, TypeError):
        return None


def _has_its_size(held: Held) -> bool:
    try:
        return held.path.stat().st_size == held.bytes
    except OSError:
        return False


def _manifest(path: Path) -> Path:
    return path.with_name(path.name + ".json")
