"""Files as the command line reads them: what language, and not too large."""

from pathlib import Path

from cope_lsp.checks.syntax.languages import LANGUAGE_OF_SUFFIX
from cope_lsp.completion.completer import DOCUMENT_BYTES_MAX
from cope_lsp.errors import CopeError


class UnreadableFileError(CopeError):
    """A file named on the command line cannot be used."""


def language_of(path: Path) -> str:
    """Return the LSP language id for a file name; "plaintext" for a suffix that is not known."""
    return LANGUAGE_OF_SUFFIX.get(path.suffix.lower(), "plaintext")


def read_text(path: Path) -> str:
    """Return the text of a file with its own line ends.

    Raises:
        UnreadableFileError: it is missing, too large, or not UTF-8 text.
    """
    try:
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            msg = f"{path} is larger than {DOCUMENT_BYTES_MAX} bytes, the most that is completed"
            raise UnreadableFileError(msg)
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8 text"
        raise UnreadableFileError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UnreadableFileError(msg) from error


def project_of(path: Path) -> Path:
    """Return the folder whose files belong to one: this directory, or else the one that it lies in."""
    try:
        here, file = Path.cwd(), path.resolve()
    except FileNotFoundError:  # the directory was deleted meanwhile
        return path.parent
    return here if file.is_relative_to(here) else file.parent
