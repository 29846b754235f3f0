"""A hub: finds a model file by the API of the Hugging Face hub, and opens it to be read.

The API, as `huggingface_hub` 2.4.0 uses it: `/api/models/REPOSITORY/revision/REVISION?blobs=true` names the
commit and every file with its size and sha256; `/REPOSITORY/resolve/COMMIT/FILE` gives the file, mostly by
pointing to another server, and says in X-Linked-Etag, X-Linked-Size and X-Repo-Commit what it points to.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cope_lsp.egress.download import Answer, Downloads
from cope_lsp.errors import DownloadError
from cope_lsp.models.address import FILE, Address, Remote

INDEX_BYTES_MAX = 4_000_000
FILE_BYTES_MAX = 500_000_000_000
NAMES_SHOWN_MAX = 8

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being read: whether it goes on where it was asked to, and its pieces."""

    goes_on: bool
    pieces: Iterator[bytes]


class Hub:
    """Speaks the API at `base`, such as "https://huggingface.co", through the gate."""

    def __init__(self, base: str, downloads: Downloads) -> None:
        self.base = base.rstrip("/")
        self.downloads = downloads

    def page(self, address: Address) -> str:
        """Return the page for people where the repository's files and their sums can be seen."""
        return f"{self.base}/{address.repository}/tree/{quote(address.revision)}"

    def url(self, address: Address) -> str:
        """Return where the file can be downloaded, with a browser too."""
        return f"{self.base}/{address.repository}/resolve/{quote(address.revision)}/{quote(address.file)}"

    def find(self, address: Address) -> Remote:
        """Ask the hub for the file's commit, size and sha256.

        Raises:
            DownloadError: it may not be asked, has no such file, or names no sum to check it by.
        """
        path = f"/api/models/{address.repository}/revision/{quote(address.revision)}?blobs=true"
        with self.downloads.get(self.base + path) as answer:
            self._look_at_status(answer.status, address)
            body = answer.body(INDEX_BYTES_MAX)
        try:
            index = json.loads(body)
            commit, files = str(index["sha"]), {str(row["rfilename"]): row for row in index["siblings"]}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            msg = f"{self.base} does not answer like a hub; check models.hub, or this network's sign-in page"
            raise DownloadError("not-understood", msg) from error
        name = self._choose(address, tuple(files))
        return self._described(address, name, commit, files[name])

    @contextmanager
    def open(self, remote: Remote, first_byte: int) -> Iterator[Opened]:
        """Open the file from `first_byte` on.

        Raises:
            DownloadError: it cannot be read, or is not the file that the hub described.
        """
        address = Address(remote.repository, remote.file, remote.revision)
        with self.downloads.get(self.url(address), first_byte=first_byte, elsewhere=True) as answer:
            self._look_at_status(answer.status, address)
            _look_at_words(answer.said, remote)
            goes_on = answer.status == 206
            _look_at_length(answer, remote, first_byte if goes_on else 0)
            yield Opened(goes_on, answer.pieces)

    def _look_at_status(self, status: int, address: Address) -> None:
        if status in {200, 206}:
            return
        what = f"{address.repository}/{address.file}".rstrip("/")
        if status in {401, 403}:
            hand = f"fetch it in a browser from {self.page(address)} and then: cope-lsp models pull FILE"
            msg = (
                f"{self.base} does not show {what} to everybody: its licence must be accepted there first, "
                f"or it does not exist. cope-lsp sends no token; {hand}"
            )
            raise DownloadError("gated", msg)
        if status == 404:
            msg = f"{self.base} has no {what} at revision {address.revision}; look at {self.page(address)}"
            raise DownloadError("not-found", msg)
        if status == 429:
            raise DownloadError("rate-limited", f"{self.base} asks to wait; run the command again later")
        raise DownloadError("server-fault", f"{self.base} answers with status {status}; try again later")

    def _choose(self, address: Address, names: tuple[str, ...]) -> str:
        models = sorted(name for name in names if FILE.fullmatch(name))
        if address.file in models:
            return address.file
        if not address.file and len(models) == 1:
            return models[0]
        shown = ", ".join(models[:NAMES_SHOWN_MAX]) + ", ..." * (len(models) > NAMES_SHOWN_MAX)
        has = f"it has {shown}" if models else "it has no GGUF file at all"
        wanted = f"has no {address.file}" if address.file else "has not just one model"
        msg = f"{address.repository} {wanted}; {has}. Name one: cope-lsp models pull OWNER/REPOSITORY/FILE"
        raise DownloadError("not-found", msg)

    def _described(self, address: Address, name: str, commit: str, row: Mapping[str, Any]) -> Remote:
        lfs = row.get("lfs")
        lfs = lfs if isinstance(lfs, Mapping) else {}
        sha256, size = str(lfs.get("sha256", "")), lfs.get("size")
        if not _SHA256.fullmatch(sha256) or not _COMMIT.fullmatch(commit):
            msg = f"{self.base} names no sha256 for {name}, so it could not be checked; choose another file"
            raise DownloadError("not-understood", msg)
        if not isinstance(size, int) or not 0 < size <= FILE_BYTES_MAX:
            msg = f"{self.base} says that {name} has {str(size)[:20]} bytes; choose another file"
            raise DownloadError("not-understood", msg)
        return Remote(address.repository, name, commit, sha256, size)


def _look_at_words(said: Mapping[str, str], remote: Remote) -> None:
    """Compare what the hub says when it points to the file with what it said in the index."""
    expected = {
        "x-linked-etag": remote.sha256,
        "x-linked-size": str(remote.bytes),
        "x-repo-commit": remote.revision,
    }
    for name, value in said.items():
        if value.removeprefix("W/").strip('"') != expected[name]:
            msg = f"the hub says two things about {remote.file} ({name}); run the command again later"
            raise DownloadError("wrong-sum" if name == "x-linked-etag" else "wrong-size", msg)


def _look_at_length(answer: Answer, remote: Remote, first_byte: int) -> None:
    length = answer.headers.get("content-length")
    place = answer.headers.get("content-range", "")
    wrong_place = bool(first_byte) and place != f"bytes {first_byte}-{remote.bytes - 1}/{remote.bytes}"
    if wrong_place or (length is not None and length != str(remote.bytes - first_byte)):
        msg = f"{remote.file} should have {remote.bytes} bytes and the server offers others; try again later"
        raise DownloadError("wrong-size", msg)
