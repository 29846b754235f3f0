"""API keys: from the environment. A key belongs to one endpoint and is never handed to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

ANTHROPIC = "https://api.anthropic.com"
OWN_VARIABLE = "COPE_LSP_API_KEY"
ANTHROPIC_VARIABLE = "ANTHROPIC_API_KEY"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it was found; its text is not part of its `repr`."""

    secret: str = field(repr=False)
    origin: str


async def find_key(endpoint: str, environment: Mapping[str, str]) -> Key | None:
    """Return the key for `endpoint`, or None.

    `COPE_LSP_API_KEY` is for the configured endpoint, `ANTHROPIC_API_KEY` for Anthropic's alone.
    """
    names = [OWN_VARIABLE] + ([ANTHROPIC_VARIABLE] if endpoint == ANTHROPIC else [])
    for name in names:
        if secret := environment.get(name, "").strip():
            return Key(secret, name)
    return None
