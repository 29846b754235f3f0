"""Texts in which code repeats itself: functions of the standard library that are being written a second time.

Under each function stands the beginning of a near copy, in which its name and that of an argument are others:
somebody writes the counterpart of a function.
"""

import ast
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = range(6, 25)
SHARE_WRITTEN = 0.4
MODULES = (
    *("argparse", "bdb", "calendar", "cmd", "configparser", "csv", "difflib", "dis", "fractions", "ftplib"),
    *(
        "heapq",
        "inspect",
        "mailbox",
        "optparse",
        "pathlib",
        "pdb",
        "shutil",
        "statistics",
        "tarfile",
        "zipfile",
    ),
)
"""They are part of every supported version of Python, although not with the same text."""


def edits(count: int, *, characters_max: int) -> list[str]:
    """Return texts that end inside of a near copy, none of them longer than `characters_max`."""
    found = sorted(text for path in sources() for text in _copies(path.read_text("utf-8"), characters_max))
    assert len(found) >= count, f"there are only {len(found)} such functions in this standard library"
    return random.Random(1).sample(found, count)


def sources() -> Iterator[Path]:
    """Yield the files of modules that this standard library has."""
    library = Path(sysconfig.get_path("stdlib"))
    for name in MODULES:
        module, package = library / f"{name}.py", library / name / "__init__.py"
        if found := next((path for path in (module, package) if path.is_file()), None):
            yield found


def _copies(source: str, characters_max: int) -> Iterator[str]:
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and _is_fit(node):
            function = "".join(lines[node.lineno - 1 : node.end_lineno])
            text = f"{function}\n{_beginning_of_copy(function, node)}"
            if len(text) <= characters_max:
                yield text


def _is_fit(node: ast.FunctionDef) -> bool:
    own = [argument.arg for argument in node.args.args if argument.arg != "self"]
    return bool(own) and (node.end_lineno or 0) - node.lineno + 1 in FUNCTION_LINES


def _beginning_of_copy(function: str, node: ast.FunctionDef) -> str:
    argument = next(each.arg for each in node.args.args if each.arg != "self")
    copy = re.sub(rf"\b{argument}\b", f"other_{argument}", function)
    copy = copy.replace(f"def {node.name}(", f"def {node.name}_other(", 1)
    lines = copy.splitlines(keepends=True)
    return "".join(lines[: max(2, int(SHARE_WRITTEN * len(lines)))])
