"""Which characters of a text close something that was opened before it: brackets and quotes of one line."""

_PAIRS = {")": "(", "]": "[", "}": "{"}
_QUOTES = ('"""', "'''", '"', "'", "`")


def closers_of_outside(before: str, text: str) -> set[int]:
    """Return the offsets into `text` of brackets and quotes that `text` itself did not open.

    `before` is what stands in front of it on the same line. What began on an earlier line is not known: its
    closing bracket counts as one from outside, its closing quote as an opening one.
    """
    line, start = before + text, len(before)
    stack: list[tuple[str, int]] = []
    found: set[int] = set()
    at = 0
    while at < len(line):
        inside = stack[-1][0] if stack and stack[-1][0] in _QUOTES else ""
        token = _token(line, at, inside)
        if token == inside or (not inside and token in _PAIRS):
            if _opened_outside(stack, token, start) and at >= start:
                found.add(at - start)
        elif token in _QUOTES or token in _PAIRS.values():
            stack.append((token, at))
        at += len(token) or 1
    return found


def _opened_outside(stack: list[tuple[str, int]], token: str, start: int) -> bool:
    """Take what `token` closes from the stack; whether that was opened before `start`, or never."""
    opener = _PAIRS.get(token, token)
    if not stack or stack[-1][0] != opener:
        return token in _PAIRS
    return stack.pop()[1] < start


def _token(line: str, at: int, inside: str) -> str:
    """Return the bracket or the quote at `at`, inside of a string only its end; "" for anything else."""
    if line[at] == "\\":
        return line[at : at + 2]
    if inside:
        return inside if line.startswith(inside, at) else ""
    quote = next((quote for quote in _QUOTES if line.startswith(quote, at)), "")
    if quote and line.find(quote, at + len(quote)) < 0:
        quote = ""  # without a partner it is an apostrophe in a comment, or a lifetime in Rust
    return quote or (line[at] if line[at] in "()[]{}" else "")
