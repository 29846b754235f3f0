"""Which drafts in Python agree, and which do not."""

import pytest

from cope_lsp.cascade.python_answer import python_answer

HEAD = "def f(xs, k):\n"


def answer(*lines: str) -> str:
    found = python_answer(HEAD + "".join(f"    {line}\n" for line in lines), "f")
    assert found is not None
    return found


SAME = {
    "blanks": (["return max( xs )"], ["return max(xs)"]),
    "comments": (["# the largest", "return max(xs)"], ["return max(xs)  # of all"]),
    "quotes": (["return 'a'"], ['return "a"']),
    "brackets": (["return (xs + xs)"], ["return xs + xs"]),
    "a docstring": (['"""Return it."""', "return xs"], ["return xs"]),
    "a variable": (["best = max(xs)", "return best"], ["m = max(xs)", "return m"]),
    "two variables": (["a, b = xs", "return a - b"], ["b, a = xs", "return b - a"]),
    "a loop": (["for x in xs:", "    print(x)"], ["for item in xs:", "    print(item)"]),
    "a comprehension": (["return [x + k for x in xs if x]"], ["return [n + k for n in xs if n]"]),
    "nested comprehensions": (
        ["return [y for x in xs for y in x]"],
        ["return [x for y in xs for x in y]"],
    ),
    "a dictionary": (["return {a: b for a, b in xs}"], ["return {key: each for key, each in xs}"]),
    "with": (["with k as file:", "    return file.read()"], ["with k as text:", "    return text.read()"]),
    "except": (
        ["try:", "    return xs", "except OSError as error:", "    return error"],
        ["try:", "    return xs", "except OSError as e:", "    return e"],
    ),
    "an import": (["import json", "return json.dumps(xs)"], ["import json as j", "return j.dumps(xs)"]),
    "from an import": (["from a import b", "return b(xs)"], ["from a import b as c", "return c(xs)"]),
    "a function inside": (
        ["def add(x):", "    total = x", "    return total", "return add"],
        ["def plus(x):", "    s = x", "    return s", "return plus"],
    ),
    "nonlocal": (
        ["n = 0", "def add():", "    nonlocal n", "    n += 1", "return add"],
        ["m = 0", "def add():", "    nonlocal m", "    m += 1", "return add"],
    ),
    "walrus in a comprehension": (
        ["return [last for x in xs if (last := x)]"],
        ["return [y for x in xs if (y := x)]"],
    ),
    "match": (
        ["match xs:", "    case [a, *b]:", "        k(a)", "    case {1: 2, **c} as d:", "        k(c, d)"],
        ["match xs:", "    case [d, *c]:", "        k(d)", "    case {1: 2, **b} as a:", "        k(b, a)"],
    ),
    "what a definition inside refers to": (
        ["t = int", "@t", "def g(x: t = t, *y: t, z=t, **more) -> t: ...", "class A(t, m=t): ..."],
        ["u = int", "@u", "def g(x: u = u, *y: u, z=u, **more) -> u: ...", "class A(u, m=u): ..."],
    ),
    "a bare except": (["try: k()", "except: a = 1"], ["try: k()", "except: b = 1"]),
    "a class inside": (["class A:", "    x = 1", "return A"], ["class B:", "    x = 1", "return B"]),
    "a name that a parameter of an inner function hides": (
        ["t = k", "return (lambda t: t)(t)"],
        ["u = k", "return (lambda t: t)(u)"],
    ),
}  # fmt: skip

DIFFERENT = {
    "functions": (["return max(xs)"], ["return min(xs)"]),
    "parameters": (["return xs"], ["return k"]),
    "attributes": (["return k.a"], ["return k.b"]),
    "keywords": (["return sorted(xs, key=k)"], ["return sorted(xs, reverse=k)"]),
    "numbers": (["return 1"], ["return 2"]),
    "a number and a truth": (["return 1"], ["return True"]),
    "texts": (["return 'a'"], ["return 'A'"]),
    "operators": (["return k < 1"], ["return k <= 1"]),
    "the order of uses": (["a = 1", "b = 2", "return a - b"], ["a = 1", "b = 2", "return b - a"]),
    "a variable and a parameter": (["n = k", "return n"], ["n = k", "return k"]),
    "globals": (["global n", "n = k"], ["global m", "m = k"]),
    "a global and a local": (["return n"], ["n = 1", "return n"]),
    "parameters of functions inside": (["return lambda a: a"], ["return lambda b: b"]),
    "attributes of classes inside": (["class A:", "    x = 1"], ["class A:", "    y = 1"]),
    "what is imported": (["import json", "return json"], ["import csv", "return csv"]),
    "packages": (["import os.path", "return os"], ["import xml.dom", "return xml"]),
    "names that are looked at": (["a = 1", "return locals()"], ["b = 1", "return locals()"]),
    "a class's name in its method": (
        ["x = k", "class A:", "    x = 1", "    def m(self):", "        return x", "return A"],
        ["y = k", "class A:", "    x = 1", "    def m(self):", "        return x", "return A"],
    ),
    "the scope of a comprehension": (["x = k", "[x for x in xs]"], ["x = k", "[x for y in xs]"]),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_drafts_agree(one: list[str], other: list[str]) -> None:
    assert answer(*one) == answer(*other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_drafts_differ(one: list[str], other: list[str]) -> None:
    assert answer(*one) != answer(*other)


def test_the_function_is_found_by_its_path() -> None:
    module = (
        "class A:\n    def f(self):\n        return 1\n\ndef f():\n    return 2\n\ndef f():\n    return 3\n"
    )
    assert "value=1" in str(python_answer(module, "A.f"))
    assert "value=3" in str(python_answer(module, "f"))
    assert python_answer(module, "g") is None
    assert python_answer(module, "A") is None
    assert python_answer(module, "f.g") is None


@pytest.mark.parametrize("module", ["def f(:\n", "def f():\n\x00", "def f():\n    return " + "(" * 5_000])
def test_what_does_not_parse_has_no_answer(module: str) -> None:
    assert python_answer(module, "f") is None


@pytest.mark.parametrize("depth", [100, 300, 900, 3_000, 100_000])
def test_what_nests_deep_has_an_answer_or_none(depth: int) -> None:
    found = python_answer(f"def f():\n    return {'-' * depth}1\n", "f")
    assert found is None or found.count("USub") == depth
