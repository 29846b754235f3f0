"""A model is published with the card and the tokenizer that it was made with, or not at all."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from cope_lsp.models.catalog import embedded_path
from training import tokenizer
from training.recipe import EMBEDDED_DIR
from training.verify import UnfitError, verify

MODEL = embedded_path()
CARD = (EMBEDDED_DIR / "MODEL_CARD.md").read_text(encoding="utf-8")
TEXTS = ["def add(a, b):\n    return a + b\n"]


def test_the_shipped_model_is_fit() -> None:
    verify(MODEL, CARD, tokenizer.load(), TEXTS)


def test_the_card_of_another_file_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "model.gguf"
    changed.write_bytes(MODEL.read_bytes() + b"\0")
    with pytest.raises(UnfitError, match="does not name the hash"):
        verify(changed, CARD, tokenizer.load(), TEXTS)


def test_another_tokenizer_is_refused() -> None:
    other: Tokenizer = tokenizer.fit(TEXTS, 300)
    with pytest.raises(UnfitError, match="in another way"):
        verify(MODEL, CARD, other, TEXTS)
