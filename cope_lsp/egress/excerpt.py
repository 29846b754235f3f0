"""A text without its secrets, before anything is cut out of it, and where a place in it went."""

from cope_lsp.egress.redact import PASSES_MAX, redact, replaced, search


def without_secrets(text: str, offset: int) -> tuple[str, int]:
    """Return what `redact` makes of `text`, and where `offset` (code points) is in it.

    An offset inside of a secret is then behind it.
    """
    for _ in range(PASSES_MAX):
        found = search(text, ())
        if not found:
            return text, offset
        begun = [span for span in found if span[0] < offset]
        behind = max([offset, *(end for _, end, _ in begun)])
        offset = len(replaced(text[:behind], begun))
        text = replaced(text, found)
    text = redact(text).text
    return text, len(text)
