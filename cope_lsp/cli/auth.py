"""`cope-lsp auth`: the API key of a hosted model."""

import argparse
import asyncio
import getpass
import json
import os
import sys

from cope_lsp.config import Loaded
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.key import find_key, remove_key, store_key
from cope_lsp.errors import CopeError, KeyStoreError

ACTIONS = ("show", "set", "remove")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `auth` takes. The key itself is never an argument: other users can read those."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="show",
        help="show where a key was found (the default); set one, asked for or from standard input; remove it",
    )
    parser.add_argument("--endpoint", metavar="URL", help="whose key; default: the server of the settings")
    parser.add_argument(
        "--file", action="store_true", help="keep it in a file that only you can read, not in the keyring"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Do what was asked; `show` exits 1 when there is no key."""
    try:
        endpoint = endpoint_of(arguments.endpoint or loaded.config.hosted_endpoint)
    except ValueError as error:
        raise CopeError(str(error)) from error
    if arguments.action == "set":
        return _set(endpoint, arguments)
    if arguments.action == "remove":
        gone = remove_key(endpoint)
        _tell(arguments, f"the key for {endpoint} was {'removed' if gone else 'not there'}", removed=gone)
        return 0
    key = asyncio.run(find_key(endpoint, os.environ))
    found = f"from {key.origin}" if key else "none; to set one: cope-lsp auth set"
    _tell(arguments, f"key for {endpoint}: {found}", origin=key.origin if key else None)
    return int(key is None)


def _set(endpoint: str, arguments: argparse.Namespace) -> int:
    secret = _asked(endpoint)
    try:
        stored = store_key(endpoint, secret, "file" if arguments.file else "keyring")
    except KeyStoreError as error:
        if arguments.file:
            raise
        msg = f"{error}. Without a keyring: cope-lsp auth set --file, or the variable COPE_LSP_API_KEY"
        raise KeyStoreError(msg) from error
    where = f"in {stored.path}" if stored.where == "file" else "in the system's keyring"
    _tell(arguments, f"the key for {endpoint} is kept {where}", where=stored.where)
    return 0


def _asked(endpoint: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        return getpass.getpass(f"API key for {endpoint} (it is not shown): ")
    return sys.stdin.readline() if sys.stdin is not None else ""


def _tell(arguments: argparse.Namespace, sentence: str, **values: object) -> None:
    print(json.dumps(values) if arguments.json else sentence)
