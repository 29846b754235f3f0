"""`cope-lsp models pull`: fetch a model, or take in a file of this machine."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cope_lsp.cli.agree import asked
from cope_lsp.config import Config, Loaded
from cope_lsp.egress import offline
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.download import Downloads
from cope_lsp.egress.gate import Waits
from cope_lsp.errors import CopeError, DownloadError
from cope_lsp.models import catalog, pull
from cope_lsp.models.address import FILE, REPOSITORY, REVISION, Address
from cope_lsp.models.catalog import UNKNOWN
from cope_lsp.models.hub import Hub
from cope_lsp.models.store import Held, Store, Tell

CONNECT_S = 10.0


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Bring the model here and tell where it is; with --by-hand tell how somebody can bring it."""
    store = Store()
    path = Path(arguments.model).expanduser()
    if path.is_file():
        held = _from_file(arguments, store, path)
    else:
        hub = _hub(loaded.config, store)
        address, expected = _address(arguments)
        if arguments.by_hand:
            _tell_by_hand(hub, store, address, expected, as_json=arguments.json)
            return 0
        _tell_of_licence(arguments.model)
        _agree(hub.downloads, address, yes=arguments.yes)
        held = _from_hub(arguments, hub, store, address, expected)
    if arguments.json:
        print(json.dumps(asdict(held) | {"path": str(held.path), "name": held.name}))
    else:
        print(f"{held.path} is here and whole, {held.bytes} bytes, sha256 {held.sha256}")
        print(f"to use it: cope-lsp models use {arguments.model if not path.is_file() else held.path.name}")
    return 0


def _hub(config: Config, store: Store) -> Hub:
    audit = Audit(keep_text=config.hosted_keep_sent)
    waits = Waits(min(CONNECT_S, config.models_timeout_s), config.models_timeout_s)
    downloads = Downloads(
        config.models_hub, store.folder, ConsentStore(), audit, proxy=config.models_proxy, waits=waits
    )
    return Hub(config.models_hub, downloads)


def _address(arguments: argparse.Namespace) -> tuple[Address, str]:
    """Return what is to be fetched, and the sum that it must have ("" when that is not known)."""
    name, revision = arguments.model, arguments.revision
    if revision and not REVISION.fullmatch(revision):
        msg = f"{revision} is not the name of a commit, a tag or a branch"
        raise CopeError(msg)
    if entry := catalog.called(name):
        file = "" if entry.file == UNKNOWN else entry.file
        pinned = "main" if entry.revision == UNKNOWN else entry.revision
        sha256 = "" if entry.sha256 == UNKNOWN or revision else entry.sha256
        return Address(entry.repository, file, revision or pinned), arguments.sha256 or sha256
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    whole = f"{owner}/{repository}"
    if not REPOSITORY.fullmatch(whole) or (file and not FILE.fullmatch(file)):
        msg = f"{name} is no file, no model of `cope-lsp models list` and no OWNER/REPOSITORY/FILE.gguf"
        raise CopeError(msg)
    return Address(whole, file, revision or "main"), arguments.sha256


def _tell_of_licence(name: str) -> None:
    entry = catalog.called(name)
    if entry and not entry.is_open:
        told = f"{entry.name} has the licence {entry.licence}, with terms of its own; read them at the hub"
        print(f"{told}: {entry.pages['file']}", file=sys.stderr)


def _agree(downloads: Downloads, address: Address, *, yes: bool) -> None:
    """Ask the user once per hub; without a terminal there is nobody to ask."""
    consent = downloads.consent
    if offline.is_on() or consent.answer(downloads.folder, downloads.hub) is not None:
        return  # what was denied is refused by the gate, with the way to change it
    what = f"the names of files such as {address.repository}, and the version of cope-lsp"
    said = f"A request to {downloads.hub} tells it {what}; no code and no token."
    if not yes and not asked(said, f"May models be fetched from {downloads.hub}, now and later?"):
        return
    try:
        consent.record(downloads.folder, downloads.hub, "allowed")
    except OSError as error:
        msg = f"the answer cannot be stored: {error.strerror}"
        raise CopeError(msg) from error


def _from_hub(arguments: argparse.Namespace, hub: Hub, store: Store, address: Address, expected: str) -> Held:
    remote = hub.find(address)
    if expected and remote.sha256 != expected.lower():
        msg = f"the hub has another {remote.file}: sha256 {remote.sha256}, not {expected}; was it replaced?"
        raise DownloadError("wrong-sum", msg)
    try:
        with _progress(remote.file, remote.bytes, quiet=arguments.json) as tell:
            return pull.from_hub(hub, store, remote, tell)
    except KeyboardInterrupt:
        print("\nstopped; what came is kept, the same command goes on from there", file=sys.stderr)
        raise


def _from_file(arguments: argparse.Namespace, store: Store, path: Path) -> Held:
    with _progress(path.name, path.stat().st_size, quiet=arguments.json) as tell:
        return pull.from_file(store, path, tell, sha256=arguments.sha256, link=arguments.link)


@contextmanager
def _progress(name: str, total_bytes: int, *, quiet: bool) -> Iterator[Tell]:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True, quiet=quiet)
    with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(name), total=total_bytes)

        def tell(done: int) -> None:
            if bar.tasks[0].completed:
                bar.update(task, completed=done)
            else:  # what an earlier run brought is no speed of this one
                bar.reset(task, completed=done)

        yield tell


def _tell_by_hand(hub: Hub, store: Store, address: Address, expected: str, *, as_json: bool) -> None:
    """Tell how to bring the file to a machine that may not, or cannot, ask the hub."""
    if not address.file:
        msg = f"name a file of {hub.page(address)}: cope-lsp models pull {address.repository}/FILE --by-hand"
        raise CopeError(msg)
    place, page = store.place(address.repository, address.file), hub.page(address)
    if as_json:
        told = {"url": hub.url(address), "place": str(place), "sha256": expected or None, "page": page}
        print(json.dumps(told))
        return
    check = f" --sha256 {expected}" if expected else ""
    known = f"Its sha256 is {expected}." if expected else f"Its sha256 is shown at {page}."
    print(f"1. Where there is a network, fetch {hub.url(address)}")
    print(f"2. Put the file here: {place}")
    print(f"3. {known} To check it and take it in: cope-lsp models pull {place}{check}")
