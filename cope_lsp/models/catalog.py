"""The catalogue: which models are worth having, and where the one to load lies."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

EMBEDDED = "cope-nano-v1.gguf"
STANDIN = "cope-nano-large-v1.gguf"
"""Stands in for a hosted model in the demonstration and the evaluation. It is not part of the package."""

UNKNOWN = "unknown"

_OPEN_LICENCES = frozenset({"apache-2.0", "mit"})

_BYTES_PER_PARAMETER = 0.3
_OVERHEAD_BYTES = 300_000_000


@dataclass(frozen=True, slots=True)
class Recommended:
    """A model of `recommended.toml`. A text that no page said is "unknown", such a number None."""

    name: str
    repository: str
    file: str
    revision: str
    sha256: str
    licence: str
    parameters: int
    bytes_about: int | None
    fim: str
    """Its marks for prefix, suffix and middle as they are written."""
    languages: str
    pages: dict[str, str]
    """Where the facts were read: "file", "licence", "fim", "languages"."""
    read_on: date

    @property
    def is_open(self) -> bool:
        """Whether the licence is one that lets everybody use the model for everything."""
        return self.licence in _OPEN_LICENCES

    @property
    def memory_bytes(self) -> int | None:
        """Return about how much memory the model takes with a context of 4,096 tokens.

        The weights are as large as the file. The tokens' keys and values take at most what they take in a
        model of 7e9 parameters without shared heads, 32 layers * 2 * 4,096 wide * 2 bytes * 4,096 tokens =
        2.1e9, which is 0.3 bytes per parameter; with shared heads it is a quarter of that. 0.3e9 are for
        buffers and the program.
        """
        if self.bytes_about is None:
            return None
        return self.bytes_about + int(self.parameters * _BYTES_PER_PARAMETER) + _OVERHEAD_BYTES


@cache
def recommended() -> tuple[Recommended, ...]:
    """Return the catalogue, smallest first."""
    text = (resources.files("cope_lsp.models") / "recommended.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return tuple(_entry(row, table["read_on"]) for row in table["model"])


def called(name: str) -> Recommended | None:
    """Return the entry of that name, whatever its case."""
    return next((entry for entry in recommended() if entry.name == name.lower()), None)


def embedded_path() -> Path:
    """Return the path of the model that comes with the package."""
    return Path(str(resources.files("cope_lsp.models") / "embedded" / EMBEDDED))


def standin_path() -> Path | None:
    """Return the path of the model that stands in for a hosted one; None where it is not here."""
    beside = Path(__file__).parents[2] / "training" / "nano-large"  # in a checkout of the repository
    stored = user_data_path("cope-lsp", appauthor=False) / "models"
    return next((path for folder in (beside, stored) if (path := folder / STANDIN).is_file()), None)


def embedded_sha256() -> str:
    """Return the sum that the embedded model's card names; "" when it names none."""
    card = embedded_path().with_name("MODEL_CARD.md")
    try:
        found = re.search(r"SHA-256 \| `([0-9a-f]{64})`", card.read_text("utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""


def resolve(path: Path | None) -> Path:
    """Return the absolute path of the model to load."""
    return path.absolute() if path else embedded_path()


def _entry(row: dict[str, Any], read_on: date) -> Recommended:
    about = row.pop("bytes_about")
    parameters = int(row.pop("parameters"))
    size = None if about == UNKNOWN else int(about)
    return Recommended(**row, parameters=parameters, bytes_about=size, read_on=read_on)
