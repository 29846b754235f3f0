"""What happened on the way to an answer, for whoever wants to know: `cope-lsp complete --explain`."""

from collections.abc import Callable

Note = Callable[[str, str], None]
"""Takes a heading and one line of text."""


def unheard(_heading: str, _text: str) -> None:
    """Nobody wants to know."""
