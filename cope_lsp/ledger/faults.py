"""What SQLite and the system report, in the words of the person who has to mend it."""

import errno
import sqlite3
from pathlib import Path

from cope_lsp.errors import LedgerError

REPAIR = "cope-lsp budget verify --repair"

_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED_NUMBERS = {errno.EACCES, errno.EPERM, errno.EROFS}

_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CLOSED_CODES = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_DAMAGED_CODES = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_ERROR,  # a table or a column is not there
    sqlite3.SQLITE_MISMATCH,
}


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another process holds the lock."""
    return _code(error) in _BUSY_CODES


def damaged(what: str) -> LedgerError:
    """Return the error of a ledger that has to be repaired."""
    return LedgerError(f"the ledger is damaged ({what}); mend it with: {REPAIR}")


def translated(error: sqlite3.Error | OSError, folder: Path) -> LedgerError:
    """Return what happened as one sentence with a next step."""
    if isinstance(error, OSError):
        return _of_number(error, folder)
    code = _code(error)
    if code in _BUSY_CODES:
        return LedgerError(f"the ledger in {folder} is held by another process for too long; try again")
    if code == sqlite3.SQLITE_FULL:
        return _full(folder)
    if code in _CLOSED_CODES:
        return _closed(folder, str(error))
    if code in _DAMAGED_CODES:
        return damaged(str(error))
    return _unusable(folder, str(error))


def _of_number(error: OSError, folder: Path) -> LedgerError:
    if error.errno in _FULL_NUMBERS:
        return _full(folder)
    if error.errno in _CLOSED_NUMBERS:
        return _closed(folder, str(error))
    return _unusable(folder, str(error))


def _full(folder: Path) -> LedgerError:
    return LedgerError(f"there is no space left for the ledger in {folder}; make some and try again")


def _closed(folder: Path, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger in {folder} cannot be written ({what}); make folder and files yours and writable"
    )


def _unusable(folder: Path, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger in {folder} cannot be read or written ({what}); see to the disk and try again"
    )


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary code; Python gives none for text that it cannot decode."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
