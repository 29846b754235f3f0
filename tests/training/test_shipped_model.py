"""The model in the package, its card, and the records of its making agree with each other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader, TokenType
from llama_cpp import Llama

from cope_lsp.cascade.prompts import Parts, plain, read
from cope_lsp.models.catalog import embedded_path
from training import tokenizer
from training.recipe import EMBEDDED_DIR, NANO, SPECIAL_TOKENS, TRAINING_DIR
from training.samples import fim_prompt

MODEL = embedded_path()
TOKENIZER = tokenizer.load()

# All but the file that names the special tokens, which `tokenizers` reads as such.
FILES = sorted(path for path in TRAINING_DIR.glob("*.py") if path.name != "recipe.py")

SNIPPETS = [
    "",
    "x",
    " ",
    "\n",
    "\n\n\n    \n",
    "def add(a, b):\n    return a + b\n",
    "def add(a, b):\n    return ",
    "    " * 7 + "deep = True",
    "\tindented\twith\ttabs\n",
    "line\r\nends\r\n",
    "trailing   \n",
    "n = 1234567890 + 0x1F - 3.14e-10",
    "it's they're I'll we'd DON'T",
    "snake_case camelCase CONSTANT_NAME __dunder__",
    'print(f"{x!r:>10}")  # comment',
    "a[b][c](d)(e){f}<g>@h#i$j%k^l&m*n",
    "x = {'a': [1, 2, (3,)], \"b\": None}",
    "naïve café Straße ΑΒΓ привет 你好 こんにちは",
    "emoji 👩‍💻 🎉 and a combining e\u0301",
    "non\u00a0breaking\u2028separators\ufeff",
    "control \x00\x01\x7f characters",
    'if __name__ == "__main__":\n    main()\n',
]


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[Llama]:
    llama = Llama(str(MODEL), vocab_only=True, verbose=False)
    yield llama
    llama.close()


@pytest.fixture(scope="module")
def fields() -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(MODEL).fields.items()}


@pytest.fixture(scope="module")
def card() -> str:
    return (EMBEDDED_DIR / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sources() -> list[dict[str, Any]]:
    manifest = json.loads((TRAINING_DIR / "manifest.json").read_text(encoding="utf-8"))
    read: list[dict[str, Any]] = manifest["sources"]
    return read


@pytest.mark.parametrize("text", SNIPPETS)
def test_llama_cpp_splits_a_snippet_as_the_recipe_does(vocabulary: Llama, text: str) -> None:
    assert vocabulary.tokenize(text.encode(), add_bos=False, special=False) == TOKENIZER.encode(text).ids


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_llama_cpp_splits_a_whole_file_as_the_recipe_does(vocabulary: Llama, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert vocabulary.tokenize(text.encode(), add_bos=False, special=False) == TOKENIZER.encode(text).ids


def test_tokens_of_a_text_give_the_text_again(vocabulary: Llama) -> None:
    for text in SNIPPETS:
        assert vocabulary.detokenize(TOKENIZER.encode(text).ids) == text.encode()


def test_the_special_tokens_come_first_and_are_control_tokens(fields: dict[str, Any]) -> None:
    assert tuple(fields["tokenizer.ggml.tokens"][: len(SPECIAL_TOKENS)]) == SPECIAL_TOKENS
    types = fields["tokenizer.ggml.token_type"]
    assert [number for number, kind in enumerate(types) if kind == TokenType.CONTROL] == [0, 1, 2, 3, 4]


def test_the_server_finds_what_it_looks_for(fields: dict[str, Any]) -> None:
    ids = tokenizer.special_ids(TOKENIZER)
    assert fields["cope.languages"] == "python"  # the engine reads scalars only, split at commas
    assert fields["cope.suffix_tokens_max"].isdecimal()
    assert fields["general.name"] == MODEL.stem
    assert fields["general.license"] == "MIT"
    assert fields["tokenizer.ggml.add_bos_token"] is False
    assert fields["tokenizer.ggml.eos_token_id"] == ids["<|endoftext|>"]
    assert fields["tokenizer.ggml.fim_pre_token_id"] == ids["<|fim_prefix|>"]
    assert fields["tokenizer.ggml.fim_suf_token_id"] == ids["<|fim_suffix|>"]
    assert fields["tokenizer.ggml.fim_mid_token_id"] == ids["<|fim_middle|>"]


def test_the_model_is_small() -> None:
    assert MODEL.stat().st_size < 20_000_000


@pytest.fixture(scope="module")
def model() -> Iterator[Llama]:
    llama = Llama(str(MODEL), n_ctx=256, n_threads=1, verbose=False)
    yield llama
    llama.close()


def test_the_model_fills_in_and_stops(model: Llama) -> None:
    prefix = TOKENIZER.encode("def load(path):\n    with open(path) as file:\n        return ").ids
    prompt = fim_prompt(prefix, TOKENIZER.encode("\n").ids, tokenizer.special_ids(TOKENIZER))
    (choice,) = model.create_completion(prompt, max_tokens=32, temperature=0.0)["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("file.read()", "stop")


def test_the_model_writes_a_function_of_the_family_and_stops(model: Llama) -> None:
    parts = Parts("", "def first_values(values):", "Find the first 4 of the values.")
    prompt = TOKENIZER.encode(plain(parts, "goal-and-code")).ids
    (choice,) = model.create_completion(prompt, max_tokens=64, temperature=0.0)["choices"]
    assert choice["finish_reason"] == "stop"
    answer = read(parts, "goal-and-code", choice["text"])
    assert answer.draft == "    return values[:4]\n"
    assert "first 4" in answer.goal


def test_the_card_names_the_recipe_as_it_is(card: str) -> None:
    assert f"`{NANO.digest}`" in card


def test_the_card_lists_every_source_with_its_licence(card: str, sources: list[dict[str, Any]]) -> None:
    for source in sources:
        assert f"| {source['name']} | {source['version']} | {source['licence']} |" in card


def test_the_requirements_pin_the_versions_that_the_model_was_made_of(sources: list[dict[str, Any]]) -> None:
    text = (TRAINING_DIR / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==(.+)$", text, re.MULTILINE))
    assert {source["name"] for source in sources} == {"cpython-stdlib", *NANO.ingredients.distributions}
    for source in sources[1:]:
        assert pins[source["name"]] == source["version"]
