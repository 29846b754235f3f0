"""The choice of a model that `cope-lsp models use` made: for the user, or for one workspace.

Each is a small file of its own in the user's data directory. It is not a line in the settings file, because
that file is the user's own: it may be shared between machines, and hold comments. It is not a file in the
workspace, because a repository must not choose what is loaded. A workspace is its real path.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from cope_lsp.settings_file import text_of

CHOSEN = "cope-lsp models use"
"""What a choice comes from, as settings are shown with their origins."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which file or server was chosen, for the real path of a workspace, or "" for all."""

    model: str
    workspace: str = ""
    endpoint: str = ""

    @property
    def setting(self) -> tuple[str, str]:
        """The setting that the choice stands for, and its value."""
        return ("model.endpoint", self.endpoint) if self.endpoint else ("model.path", self.model)

    @property
    def origin(self) -> str:
        """Where the choice comes from, in words."""
        return f"{CHOSEN}, for {self.workspace}" if self.workspace else CHOSEN


def choice_file(workspace: Path | None) -> Path:
    """Return where the choice for `workspace` is kept; None: that for all."""
    folder = user_data_path("cope-lsp", appauthor=False) / "choices"
    if workspace is None:
        return folder / "user.json"
    name = str(workspace.resolve()).encode("utf-8", "surrogateescape")
    return folder / f"{hashlib.sha256(name).hexdigest()}.json"


def read_choice(workspace: Path | None) -> Choice | None:
    """Return the choice for `workspace`; None when there is none, or none that can be read."""
    expected = "" if workspace is None else str(workspace.resolve())
    try:
        choice = Choice(**json.loads(text_of(choice_file(workspace))))
    except (OSError, ValueError, TypeError):
        return None
    # The name of the file is only a hash; what it says must match, too.
    said = {type(choice.model), type(choice.endpoint)}
    return choice if choice.workspace == expected and said == {str} else None
