"""A recorded piece of work in an editor: `python -m tests.benchmarks.keystrokes FILE` records it anew.

Pieces of a source file are taken out, statements and arguments of calls, and then typed again: key by key,
with errors that are taken back, with line ends that bring their indentation, and now and then with the rest
of a line at once, as when a suggestion is accepted. The recording is a file: its keys stay the same.
"""

import ast
import json
import random
import string
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

RECORDING = Path(__file__).with_name("keystrokes.json")
KEYS = 200

STATEMENTS = 5
ARGUMENTS = 4
PIECE_CHARACTERS = range(12, 240)
ERROR_SHARE = 0.05
ACCEPT_SHARE = 0.04
ACCEPT_CHARACTERS_MIN = 6

Kind = Literal["insert", "delete", "jump", "accept"]


@dataclass(frozen=True, slots=True)
class Key:
    """At an offset (code points) `text` was put in, or the character before it taken away."""

    kind: Kind
    at: int
    text: str = ""

    @property
    def start(self) -> int:
        """Where the change begins."""
        return self.at - (self.kind == "delete")

    @property
    def cursor(self) -> int:
        """Where the cursor is afterwards."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Recording:
    """The text at the beginning, and the keys."""

    text: str
    keys: tuple[Key, ...]

    def states(self) -> Iterator[tuple[Key, str]]:
        """Yield each key with the text after it."""
        text = self.text
        for key in self.keys:
            text = text[: key.start] + key.text + text[key.at :]
            yield key, text


def read() -> Recording:
    """Return what was recorded."""
    found = json.loads(RECORDING.read_text("utf-8"))
    return Recording(found["text"], tuple(Key(*key) for key in found["keys"]))


def record(source: str, seed: int = 1) -> Recording:
    """Return the keys that write pieces of an ASCII source again."""
    dice = random.Random(seed)
    pieces = sorted(_pieces(source, dice))
    missing = dict.fromkeys(pieces, True)
    text = source
    for start, end in reversed(pieces):
        text = text[:start] + text[end:]
    keys: list[Key] = []
    for start, end in dice.sample(pieces, len(pieces)):
        missing[start, end] = False
        shift = sum(b - a for (a, b), still in missing.items() if still and b <= start)
        keys.append(Key("jump", start - shift))
        keys += _typed(source[start:end], start - shift, dice)
    return Recording(text, tuple(keys))


def _pieces(source: str, dice: random.Random) -> list[tuple[int, int]]:
    """Return the places of some statements in functions, and of some arguments, that do not touch."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    nodes = list(ast.walk(ast.parse(source)))
    statements = [
        statement
        for node in nodes
        if isinstance(node, ast.FunctionDef)
        for statement in node.body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    arguments = [argument for node in nodes if isinstance(node, ast.Call) for argument in node.args]
    chosen: list[tuple[int, int]] = []
    for found, count in ((statements, STATEMENTS), (arguments, ARGUMENTS)):
        ranges = [_range(node, lines) for node in found]
        wanted = len(chosen) + count
        for start, end in dice.sample(ranges, len(ranges)):
            free = all(end < other[0] or start > other[1] for other in chosen)
            if free and end - start in PIECE_CHARACTERS and len(chosen) < wanted:
                chosen.append((start, end))
    return chosen


def _range(node: ast.expr | ast.stmt, lines: list[int]) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset


def _typed(piece: str, at: int, dice: random.Random) -> list[Key]:
    """Return the keys that type a piece at an offset."""
    keys: list[Key] = []
    done = 0
    while done < len(piece):
        rest = piece[done:].partition("\n")[0]
        if dice.random() < ERROR_SHARE:
            wrong = dice.choice(string.ascii_lowercase)
            keys += [Key("insert", at + done, wrong), Key("delete", at + done + 1)]
        if len(rest) >= ACCEPT_CHARACTERS_MIN and dice.random() < ACCEPT_SHARE:
            key = Key("accept", at + done, rest)
        elif rest:
            key = Key("insert", at + done, rest[0])
        else:
            below = piece[done + 1 :]
            key = Key("insert", at + done, "\n" + below[: len(below) - len(below.lstrip(" "))])
        keys.append(key)
        done += len(key.text)
    return keys


def main(path: Path) -> None:
    """Record with a source file."""
    recording = record(path.read_text("ascii"))
    assert len(recording.keys) >= KEYS, "too little was taken out of this file: choose another one"
    keys = ",\n".join(json.dumps(astuple(key)) for key in recording.keys[:KEYS])
    RECORDING.write_text(f'{{"text": {json.dumps(recording.text)},\n"keys": [\n{keys}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
