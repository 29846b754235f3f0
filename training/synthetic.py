"""Synthetic modules: small, plain Python programs made of the templates in synthetic.txt."""

import random
from collections import defaultdict
from collections.abc import Callable
from string import Template
from textwrap import indent

from training.recipe import TRAINING_DIR

TEMPLATES_FILE = TRAINING_DIR / "synthetic.txt"
PAIRS = (("a", "b"), ("x", "y"), ("left", "right"), ("first", "second"), ("width", "height"), ("n", "m"))
OPERATIONS = (
    ("add", "+", "Return the sum of {0} and {1}."),
    ("subtract", "-", "Return the difference of {0} and {1}."),
    ("multiply", "*", "Return the product of {0} and {1}."),
    ("divide", "/", "Return {0} divided by {1}."),
    ("power", "**", "Return {0} to the power of {1}."),
    ("modulo", "%", "Return the remainder of {0} divided by {1}."),
    ("floor_divide", "//", "Return {0} divided by {1}, rounded down."),
)
MAIN_GUARD = 'if __name__ == "__main__":\n    main()\n'

Field = tuple[str, str]  # name and type


def module(seed: str) -> str:
    """Return one small module, a function of the seed alone; it always parses."""
    rng = random.Random(f"synthetic:{seed}")
    parts = [rng.choice(PARTS)(rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 5)))]
    if rng.random() < 0.4:
        parts.append(_main(rng))
    if rng.random() < 0.6:
        parts.insert(0, _imports(rng))
    if rng.random() < 0.25:
        parts.insert(0, f'"""{_sentence(rng)}"""\n')
    return "\n\n".join(parts)


def plural(noun: str) -> str:
    """Return the English plural of a regular noun."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")


def read_sections(text: str) -> dict[str, list[str]]:
    """Parse `=== name` sections into their bodies; the text before the first one is for readers."""
    sections: dict[str, list[str]] = defaultdict(list)
    for section in text.split("=== ")[1:]:
        name, body = section.split("\n", 1)
        sections[name].append(body)
    return sections


SECTIONS = read_sections(TEMPLATES_FILE.read_text(encoding="utf-8"))
WORDS = {name[6:]: bodies[0].split() for name, bodies in SECTIONS.items() if name.startswith("words ")}
LINES = {name[6:]: bodies[0].splitlines() for name, bodies in SECTIONS.items() if name.startswith("lines ")}
ENTITIES = [noun for noun in WORDS["nouns"] if noun not in WORDS["not_entities"]]


def _filled(rng: random.Random, section: str, **words: object) -> str:
    return Template(rng.choice(SECTIONS[section])).substitute(words)


def _sentence(rng: random.Random) -> str:
    verb = rng.choice(WORDS["verbs"]).capitalize()
    noun, other = rng.choice(WORDS["nouns"]), rng.choice(WORDS["nouns"])
    return rng.choice(
        (
            f"{verb} the {noun}.",
            f"{verb} every {noun} of a {other}.",
            f"{verb} {plural(noun)} and {plural(other)}.",
            f"{verb} the {rng.choice(WORDS['adjectives'])} {noun} of the {other}.",
        )
    )


def _class_name(rng: random.Random) -> str:
    first = rng.choice(ENTITIES).capitalize()
    return first if rng.random() < 0.6 else first + rng.choice(ENTITIES).capitalize()


def _docstring(rng: random.Random, text: str, share: float = 0.4) -> str:
    return f'    """{text}"""\n' if rng.random() < share else ""


def _imports(rng: random.Random) -> str:
    plain = sorted(rng.sample(LINES["imports"], rng.randint(0, 3)))
    lines = sorted(rng.sample(LINES["from_imports"], rng.randint(0 if plain else 1, 2)))
    return "".join(f"import {name}\n" for name in plain) + "".join(f"{line}\n" for line in lines)


def _arithmetic(rng: random.Random) -> str:
    functions = []
    typed = rng.choice(("", "", "int", "float"))
    documented = rng.random() < 0.4
    for name, sign, text in rng.sample(OPERATIONS, rng.randint(1, 4)):
        a, b = rng.choice(PAIRS) if rng.random() < 0.6 else ("a", "b")
        head = f"{a}: {typed}, {b}: {typed}) -> {typed}" if typed else f"{a}, {b})"
        body = _docstring(rng, text.format(a, b), 1.0 if documented else 0.0)
        functions.append(f"def {name}({head}:\n{body}    return {a} {sign} {b}\n")
    return "\n\n".join(functions)


def _formula(rng: random.Random) -> str:
    return "\n\n".join(rng.sample(SECTIONS["formula"], rng.randint(1, 3)))


def _loop(rng: random.Random) -> str:
    noun, number = rng.choice(ENTITIES), rng.choice(WORDS["numbers"])
    count1 = rng.randint(2, 20)
    return _filled(rng, "loop", noun=noun, nouns=plural(noun), number=number, count1=count1)


def _numbers(rng: random.Random) -> str:
    return _filled(rng, "numbers", count1=rng.randint(2, 100))


def _comprehension(rng: random.Random) -> str:
    noun, number, text = rng.choice(ENTITIES), rng.choice(WORDS["numbers"]), rng.choice(WORDS["texts"])
    words = {"noun": noun, "nouns": plural(noun), "number": number, "text": text, "texts": plural(text)}
    counts = {"count1": rng.randint(3, 30), "count2": rng.randint(3, 99), "count3": rng.randint(0, 20)}
    if rng.random() < 0.5:
        templates = rng.sample(SECTIONS["comprehension"], rng.randint(1, 4))
        return "".join(Template(template).substitute(words, **counts) for template in templates)
    return (
        f"def {plural(text)}_of({plural(noun)}):\n    return [{noun}.{text} for {noun} in {plural(noun)}]\n"
    )


def _fields(rng: random.Random) -> list[Field]:
    texts = [(name, "str") for name in WORDS["texts"]]
    names = rng.sample(texts + [(name, "int") for name in WORDS["numbers"]], rng.randint(1, 4))
    return [(name, rng.choice(("int", "float")) if kind == "int" else kind) for name, kind in names]


def _class(rng: random.Random) -> str:
    name, fields = _class_name(rng), _fields(rng)
    typed = rng.random() < 0.4
    described = f"A {name.lower()} with {' and '.join(field for field, _ in fields)}."
    head = f"class {name}:\n" + _docstring(rng, described)
    init = _init(fields, typed=typed)
    extra = rng.choice(WORDS["nouns"])
    has_extra = rng.random() < 0.4
    if has_extra:
        init += f"    self.{plural(extra)} = []\n"
    methods = [init, *(_method(rng, name, fields) for _ in range(rng.randint(0, 3)))]
    if has_extra:
        methods.append(_filled(rng, "collection_method", noun=extra, nouns=plural(extra)))
    return head + "\n".join(indent(method, "    ") for method in dict.fromkeys(methods))


def _init(fields: list[Field], *, typed: bool) -> str:
    arguments = "".join(f", {name}: {kind}" if typed else f", {name}" for name, kind in fields)
    head = f"def __init__(self{arguments}){' -> None' if typed else ''}:\n"
    return head + "".join(f"    self.{name} = {name}\n" for name, _ in fields)


def _method(rng: random.Random, name: str, fields: list[Field]) -> str:
    field, kind = rng.choice(fields)
    names = [each for each, _ in fields]
    templates = SECTIONS["method"] + (SECTIONS["number_method"] if kind != "str" else [])
    return Template(rng.choice(templates)).substitute(
        name=name,
        field=field,
        shown=", ".join(f"{{self.{each}}}" for each in names),
        equal=" and ".join(f"self.{each} == other.{each}" for each in names),
        items=", ".join(f'"{each}": self.{each}' for each in names),
        arguments=", ".join(f'data["{each}"]' for each in names),
    )


def _container(rng: random.Random) -> str:
    return _filled(rng, "container")


def _dataclass(rng: random.Random) -> str:
    name, fields = _class_name(rng), _fields(rng)
    frozen = "(frozen=True)" if rng.random() < 0.3 else ""
    lines = "".join(f"    {field}: {kind}\n" for field, kind in fields)
    if rng.random() < 0.3:
        flag = rng.choice(("active", "visible", "enabled"))
        lines += f"    {flag}: bool = {rng.choice(('True', 'False'))}\n"
    elif rng.random() < 0.3:
        lines += f"    {plural(rng.choice(WORDS['nouns']))}: list[str] = field(default_factory=list)\n"
    return f"@dataclass{frozen}\nclass {name}:\n" + _docstring(rng, _sentence(rng)) + lines


def _subclass(rng: random.Random) -> str:
    name = _class_name(rng)
    return _filled(rng, "subclass", name=name, sentence=_sentence(rng))


def _files(rng: random.Random) -> str:
    noun, path = rng.choice(WORDS["nouns"]), rng.choice(("path", "filename", "file_path"))
    nouns = plural(noun)
    return _filled(rng, "files", noun=noun, path=path, nouns=nouns, file=rng.choice(("file", "file", "f")))


def _guarded(rng: random.Random) -> str:
    return _filled(rng, "guarded", noun=rng.choice(WORDS["nouns"]), text=rng.choice(WORDS["texts"]))


def _test(rng: random.Random) -> str:
    left, right = rng.randint(0, 20), rng.randint(1, 20)
    results = {"sum": left + right, "difference": left - right, "product": left * right}
    noun, text = rng.choice(ENTITIES), rng.choice(WORDS["texts"])
    words = {"noun": noun, "Noun": noun.capitalize(), "text": text}
    return _filled(rng, "test", left=left, right=right, **results, **words)


def _main(rng: random.Random) -> str:
    noun = rng.choice(WORDS["nouns"])
    if rng.random() < 0.3:
        return MAIN_GUARD
    return _filled(rng, "main", noun=noun) + "\n\n" + MAIN_GUARD


PARTS: tuple[Callable[[random.Random], str], ...] = (
    _arithmetic,
    _arithmetic,
    _formula,
    _loop,
    _loop,
    _numbers,
    _comprehension,
    _class,
    _class,
    _class,
    _container,
    _dataclass,
    _subclass,
    _files,
    _files,
    _guarded,
    _guarded,
    _test,
)
