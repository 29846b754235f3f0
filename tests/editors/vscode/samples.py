"""Projects for the tests; their functions are such as the embedded model can write, or cannot."""

import json
from pathlib import Path
from typing import Any

EASY = '''def double_price(price):
    """Find twice the price."""
    ...
'''
"""A function that the embedded model writes alone."""

EASY_DONE = EASY.replace("    ...\n", "    return price * 2\n")

EASY_TEST = """from shop import double_price


def test_double_price():
    assert double_price(4) == 8
"""

WRONG = EASY.replace("    ...\n", "    return price\n")

HARD = '''def make_report(distances):
    """What is the best of the distances once every copy of the winner is gone?"""
    ...
'''
"""A function that the embedded model cannot write, with or without a plan."""

HARD_TEST = """from report import make_report


def test_make_report():
    assert make_report([1, 3, 5, 3, 1]) == 3
    assert make_report([91, 94, 96, 96, 97, 100]) == 97
    assert make_report([-18, -19, -5, -5, -14]) == -14
    assert make_report([7, 2, 9, 9, 8, 1]) == 8
"""

GUIDELINE = "Mind the copies of the winner."
HARD_ANSWER = "```python\ndef make_report(distances):\n    return sorted(set(distances))[-2]\n```"

NEEDS_PLAN = '''def speed_summary(speed):
    """Return double the bare size of the speed, be it plus or minus."""
    ...
'''
"""A function that the embedded model writes when somebody tells it how."""

NEEDED_PLAN = "Take abs, then multiply by 2."

NEEDS_PLAN_TEST = """from speed import speed_summary


def test_speed_summary():
    assert speed_summary(100) == 200
    assert speed_summary(-25) == 50
"""


def canary(file: Path) -> str:
    """Return a module that leaves a trace in a file when it runs where it can."""
    sing = f"    Path({str(file)!r}).write_text(__name__)\n"
    return f"from contextlib import suppress\nfrom pathlib import Path\n\nwith suppress(OSError):\n{sing}\n\n"


def notebook(*cells: str) -> str:
    """Return a notebook of Python cells."""
    empty: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**empty, "id": f"cell{number}", "source": text} for number, text in enumerate(cells)]
    language = {"language_info": {"name": "python"}}
    return json.dumps({"cells": made, "metadata": language, "nbformat": 4, "nbformat_minor": 5})
