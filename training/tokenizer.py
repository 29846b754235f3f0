"""The tokenizer: a byte-level BPE on the split expression of llama.cpp's `qwen2` pre-tokenizer."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.recipe import SPECIAL_TOKENS, TRAINING_DIR

TOKENIZER_FILE = TRAINING_DIR / "tokenizer.json"
NEWLINE = "\u010a"  # how a byte-level vocabulary writes the newline byte

# The expression of LLAMA_VOCAB_PRE_TYPE_QWEN2 in llama.cpp's src/llama-vocab.cpp.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def fit(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train a tokenizer with exactly `vocabulary` tokens, the special ones first."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)
    bytes_of_pieces = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of_pieces])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(path: Path = TOKENIZER_FILE) -> Tokenizer:
    """Read the tokenizer that an earlier run saved."""
    return Tokenizer.from_file(str(path))


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the number of each special token."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return {token: vocabulary[token] for token in SPECIAL_TOKENS}


def newline_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Return the numbers of the tokens that end a line."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return frozenset(number for token, number in vocabulary.items() if token.endswith(NEWLINE))
