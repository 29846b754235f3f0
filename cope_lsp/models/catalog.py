"""Where models lie: the embedded one, or a file of the user's."""

from importlib import resources
from pathlib import Path

EMBEDDED = "cope-nano-v0.gguf"


def embedded_path() -> Path:
    """Return the path of the model that comes with the package."""
    return Path(str(resources.files("cope_lsp.models") / "embedded" / EMBEDDED))


def resolve(path: Path | None) -> Path:
    """Return the absolute path of the model to load."""
    return path.absolute() if path else embedded_path()
