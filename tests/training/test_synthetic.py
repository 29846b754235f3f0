import ast
import re

import pytest

from training import synthetic
from training.recipe import TRAINING_DIR

MODULES = [synthetic.module(f"test:{n}") for n in range(400)]


def test_every_module_parses() -> None:
    for module in MODULES:
        ast.parse(module)


def test_a_module_depends_on_its_seed_alone() -> None:
    assert [synthetic.module(f"test:{n}") for n in range(400)] == MODULES


def test_modules_differ() -> None:
    assert len(set(MODULES)) > 0.95 * len(MODULES)


def test_modules_are_as_long_as_small_files() -> None:
    lengths = sorted(module.count("\n") for module in MODULES)
    assert lengths[len(lengths) // 10] >= 5
    assert lengths[-1] < 150


def test_no_placeholder_is_left_in_a_module() -> None:
    assert not re.search(r"\$\w|\$\{", "".join(MODULES))


def test_every_template_is_used_by_some_part() -> None:
    used = set(re.findall(r'(?:_filled\(rng, |SECTIONS\[)"(\w+)"', synthetic_source()))
    templates = {name for name in synthetic.SECTIONS if " " not in name}
    assert templates == used


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("day", "days"),
        ("category", "categories"),
        ("box", "boxes"),
        ("branch", "branches"),
        ("item", "items"),
    ],
)
def test_plurals_are_regular_english(noun: str, expected: str) -> None:
    assert synthetic.plural(noun) == expected


def test_sections_of_one_name_are_choices() -> None:
    read = synthetic.read_sections("for readers\n=== a\none\n=== b\ntwo\n\ntwo\n=== a\nthree\n")
    assert read == {"a": ["one\n", "three\n"], "b": ["two\n\ntwo\n"]}


@pytest.mark.parametrize(
    "line",
    ["    return a + b\n", "    with open(path) as file:\n", 'if __name__ == "__main__":\n', "@dataclass\n"],
)
def test_the_family_contains_what_people_try_first(line: str) -> None:
    assert sum(line in module for module in MODULES) >= 5


def synthetic_source() -> str:
    return (TRAINING_DIR / "synthetic.py").read_text(encoding="utf-8")
