"""A choice made: which model a name or a path means, remembered for the user or for a workspace."""

import json
from dataclasses import asdict
from pathlib import Path

from cope_lsp.choice import Choice, choice_file
from cope_lsp.egress.private import write_private
from cope_lsp.errors import CopeError, ModelFileError
from cope_lsp.models import catalog
from cope_lsp.models.store import Store, is_gguf

EMBEDDED_NAMES = frozenset({"embedded", "nano"})


def file_of(name: str, store: Store) -> Path | None:
    """Return the model file that `name` means; None: the embedded one.

    Raises:
        ModelFileError: it is not here, or no GGUF file.
    """
    if name.lower() in EMBEDDED_NAMES:
        return None
    if entry := catalog.called(name):
        held = store.of(entry)
        if held is None:
            msg = f"{entry.name} is not here yet; fetch it: cope-lsp models pull {entry.name}"
            raise ModelFileError(msg)
        return held.path
    if held := store.called(name):
        return held.path
    path = Path(name).expanduser().absolute()
    if path.is_relative_to(store.folder):
        msg = f"{path} did not come whole; fetch it again: cope-lsp models pull"
        raise ModelFileError(msg)
    if not is_gguf(path):
        msg = f"{name} is no model that is here and no GGUF file; see: cope-lsp models list"
        raise ModelFileError(msg)
    return path


def remember(path: Path | None, workspace: Path | None, *, endpoint: str = "") -> None:
    """Use `path` from now on, in `workspace` or where nothing else is said; None takes the choice back.

    An `endpoint` is used instead of any file.

    Raises:
        CopeError: that cannot be written down; then nothing changed.
    """
    place = choice_file(workspace)
    try:
        if path is None and not endpoint:
            place.unlink(missing_ok=True)
            return
        choice = Choice(
            "" if path is None else str(path),
            "" if workspace is None else str(workspace.resolve()),
            endpoint,
        )
        write_private(place, json.dumps(asdict(choice)) + "\n")
    except OSError as error:
        msg = f"the choice cannot be kept in {place}: {error.strerror}; make room or mend its folder"
        raise CopeError(msg) from error
