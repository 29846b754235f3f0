"""A program for the tests: pulls a model while the disk fails, under disk.so of tests/ledger.

`python -m tests.models.programs URL STEP NUMBER` lets every STEP-th system call that changes the store fail
with the error NUMBER, each in a run of its own; with 0 the process dies there. After each run nothing
half-written may be a model, and a pull on a disk that works must bring it whole. It prints how many runs
there were.
"""

import ctypes
import os
import shutil
import sys
from itertools import count

from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.download import Downloads
from cope_lsp.errors import DownloadError
from cope_lsp.models import pull
from cope_lsp.models.address import Address
from cope_lsp.models.hub import Hub
from cope_lsp.models.store import Store, sum_of
from tests.models.hub_server import FILE, REPOSITORY

PULLED, REFUSED, UNTOUCHED = 0, 3, 4


def main(url: str, step: int, number: int) -> None:
    """Do all runs."""
    store = Store()
    ConsentStore().record(store.folder, url, "allowed")
    for first in count(0, step):
        shutil.rmtree(store.folder, ignore_errors=True)
        code = _in_child(url, first, number)
        assert code in {PULLED, REFUSED, UNTOUCHED, -9}, code
        assert all(sum_of(held.path) == held.sha256 for held in store.held())
        assert code not in {PULLED, UNTOUCHED} or list(store.held())
        assert _in_child(url, -1, 0) == UNTOUCHED
        (held,) = store.held()
        assert sum_of(held.path) == held.sha256
        assert not list(store.folder.rglob("*.part*"))
        if code == UNTOUCHED:
            print(first // step)  # noqa: T201  # the answer of this program
            return


def _in_child(url: str, first: int, number: int) -> int:
    child = os.fork()
    if not child:
        os._exit(_pull(url, first, number))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _pull(url: str, first: int, number: int) -> int:
    library = ctypes.CDLL(None)
    library.disk_fail(first, 1, number)
    store = Store()
    hub = Hub(url, Downloads(url, store.folder, ConsentStore(), Audit()))
    try:
        pull.from_hub(hub, store, hub.find(Address(REPOSITORY, FILE)), lambda _done: None)
    except DownloadError as error:
        if error.reason in {"disk-full", "unwritable"}:
            return REFUSED
        raise
    return UNTOUCHED if first < 0 or library.disk_calls() <= first else PULLED


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
