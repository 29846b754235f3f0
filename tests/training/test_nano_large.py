"""The larger model of the pair: where it lies, how large it is, and what it shares with the small one."""

import hashlib
import json
from functools import cache

from gguf import GGUFReader

from cope_lsp.models.catalog import STANDIN, embedded_path, standin_path
from training.recipe import NANO_LARGE, TRAINING_DIR

FOLDER = TRAINING_DIR / "nano-large"
FILE_BYTES_MAX = 20_000_000
TIMES_MIN = 5


@cache
def reader(name: str) -> GGUFReader:
    return GGUFReader(FOLDER / STANDIN if name == "nano-large" else embedded_path())


def parameters(name: str) -> int:
    return sum(int(tensor.n_elements) for tensor in reader(name).tensors)


def test_it_is_found_in_a_checkout_and_lies_outside_of_the_package() -> None:
    assert standin_path() == FOLDER / STANDIN == FOLDER / NANO_LARGE.file_name
    assert "cope_lsp" not in FOLDER.relative_to(TRAINING_DIR.parent).parts


def test_its_card_names_the_hash_and_the_size() -> None:
    content = (FOLDER / STANDIN).read_bytes()
    card = (FOLDER / "MODEL_CARD.md").read_text("utf-8")
    assert hashlib.sha256(content).hexdigest() in card
    assert f"{len(content):,} bytes" in card
    assert f"{parameters('nano-large'):,} parameters" in card
    assert NANO_LARGE.digest in card
    assert len(content) <= FILE_BYTES_MAX


def test_it_has_several_times_the_parameters_of_the_small_one() -> None:
    assert parameters("nano-large") >= TIMES_MIN * parameters("nano")


def test_both_models_have_the_same_tokens() -> None:
    for field in ("tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"):
        assert reader("nano-large").fields[field].contents() == reader("nano").fields[field].contents()


def test_the_log_of_its_training_is_kept_and_goes_to_the_end() -> None:
    lines = (TRAINING_DIR / f"{NANO_LARGE.name}.log.jsonl").read_text("utf-8").splitlines()
    last = json.loads(lines[-1])
    assert f"{last['tokens']:,} tokens" in (FOLDER / "MODEL_CARD.md").read_text("utf-8")
    assert last["family"] < json.loads(lines[0]).get("family", 99)
