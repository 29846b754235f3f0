"""What files of each language define, and what a model is shown of it: real grammars."""

import sys
import tomllib
from pathlib import Path

import pytest

from cope_lsp.checks.syntax.languages import parser
from cope_lsp.context.index.definitions import (
    DEFINITIONS_MAX,
    MEMBERS_MAX,
    SIGNATURE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    Definition,
    Reader,
)
from cope_lsp.context.index.files import LANGUAGE_OF
from tests.checks.syntax.snippets import SNIPPETS

CASES = tomllib.loads(Path(__file__).with_name("definitions.toml").read_text("utf-8"))["case"]


def read(language: str, text: str | bytes) -> list[Definition]:
    made = parser(language)
    assert made is not None
    return Reader(language, made).definitions(text.encode() if isinstance(text, str) else text)


def check(language: str, text: str, **expected: str) -> None:
    """Compare the definitions of some names with what is expected."""
    found = {each.name: each.text for each in read(language, text)}
    assert {name: found.get(name) for name in expected} == expected


def test_a_function_of_python_is_its_signature_and_what_it_is_for() -> None:
    check(
        "python",
        "def reserve(\n    attempt: Attempt,\n    *,\n    cost: int = 0,\n) -> Reserved:\n"
        '    """Set money aside.\n\n    More."""\n    return 1\n',
        reserve='def reserve(attempt: Attempt, *, cost: int = 0) -> Reserved:\n    """Set money aside."""',
    )


def test_a_class_of_python_shows_what_can_be_used_of_it() -> None:
    text = '''
@dataclass(frozen=True)
class Ledger(Base):
    """What was spent."""

    folder: Path
    _lock: Lock

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def total(self) -> int:
        return self._sum()

    async def close(self) -> None:
        """End it."""

    def _sum(self) -> int:
        return 0
'''
    check(
        "python",
        text,
        Ledger="class Ledger(Base):\n"
        '    """What was spent."""\n'
        "    folder: Path\n"
        "    def __init__(self, folder: Path) -> None:\n"
        "    @property def total(self) -> int:\n"
        "    async def close(self) -> None:",
        close='class Ledger(Base):\n    async def close(self) -> None:\n        """End it."""',
        _sum="class Ledger(Base):\n    def _sum(self) -> int:",
    )


def test_constants_and_what_is_defined_under_a_condition_are_found() -> None:
    text = "LIMIT: int = 5\ntry:\n    import fast\nexcept ImportError:\n    def fast(): ...\n"
    text += "if LIMIT:\n    X = [\n        1,\n    ]\n"
    check("python", text, LIMIT="LIMIT: int = 5", fast="def fast():", X="X = [")


def test_what_is_defined_inside_of_a_function_is_nobody_elses() -> None:
    assert [each.name for each in read("python", "def f():\n    def g(): ...\n    class C: ...\n")] == ["f"]


def test_definitions_around_a_syntax_error_are_found() -> None:
    names = [each.name for each in read("python", "def f(a): ...\n\nx = = (\n\ndef g(b):\n    return 1\n")]
    assert "f" in names


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['language']}-{case['name']}")
def test_a_definition_is_shown_in_its_own_language(case: dict[str, str]) -> None:
    check(case["language"], case["text"], **{case["name"]: case["shown"]})


def test_every_language_that_is_indexed_has_a_grammar_and_definitions() -> None:
    for language in set(LANGUAGE_OF.values()):
        snippet = SNIPPETS[language]
        assert read(language, snippet.filled(snippet.right)), language


def test_texts_and_their_number_are_bounded() -> None:
    fields = "\n".join(f"    def method_{n}(self, argument: int) -> int: ..." for n in range(100))
    many = "\n".join(f"def f{n}(): ..." for n in range(2 * DEFINITIONS_MAX))
    found = read("python", f"class C:\n{fields}\n{many}\n")
    assert len(found) == DEFINITIONS_MAX
    assert found[0].text.count("\n") == MEMBERS_MAX
    long = "\n".join(f"    field_{n}: '{'y' * 90}'" for n in range(100))
    (only,) = read("python", f"class C:\n{long}\n")
    assert len(only.text) <= TEXT_CHARACTERS_MAX


def test_a_long_signature_ends_between_two_words() -> None:
    secret = "ghp_" + "a1" * 20
    for room in range(SIGNATURE_CHARACTERS_MAX - 80, SIGNATURE_CHARACTERS_MAX):
        text = f"def f({'a, ' * (room // 3)}token='{secret}'): ...\n"
        assert all(secret in each.text or "ghp" not in each.text for each in read("python", text))
    assert read("python", f"X{'x' * 500} = 1\n") == []


def test_what_is_no_code_defines_nothing_and_does_no_harm() -> None:
    for data in (b"", b"\xff\xfe\x00", b"\x00" * 1000, b"(" * 10_000, "def é(ü): ...\n".encode("latin-1")):
        for language in ("python", "typescript", "c"):
            assert len(read(language, data)) <= 1


def test_a_text_that_takes_too_long_is_left_and_the_next_one_read() -> None:
    made = parser("csharp")
    assert made is not None
    reader = Reader("csharp", made)
    assert reader.definitions(b"class A {}\n" * 3)
    reader.definitions(b"x = a.b<" * 3_000)
    assert [each.name for each in reader.definitions(b"class B { }\n")] == ["B"]


def test_a_text_that_was_read_is_not_kept() -> None:
    made = parser("python")
    assert made is not None
    data = b"def f(): ...\n" * 10_000
    before = sys.getrefcount(data)
    assert Reader("python", made).definitions(data)
    assert sys.getrefcount(data) == before
