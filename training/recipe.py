"""The recipe: every choice that decides what the embedded model becomes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

TRAINING_DIR = Path(__file__).resolve().parent
EMBEDDED_DIR = TRAINING_DIR.parent / "cope_lsp" / "models" / "embedded"

END_OF_TEXT = "<|endoftext|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_SUFFIX = "<|fim_suffix|>"
FIM_MIDDLE = "<|fim_middle|>"
FILE_SEPARATOR = "<|file_sep|>"
SPECIAL_TOKENS = (END_OF_TEXT, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FILE_SEPARATOR)

# requirements.txt pins each of these; what is not installed or not permissive is left out.
DISTRIBUTIONS = """
    annotated-types anthropic anyio attrs cattrs click diskcache filelock fsspec gguf h11 httpcore2
    httpx2 huggingface-hub idna iniconfig jinja2 llama-cpp-python lsprotocol markdown-it-py
    markupsafe mypy networkx numpy packaging platformdirs pluggy psutil pydantic pygls pygments
    pytest pytest-asyncio pytest-lsp pyyaml requests rich sniffio urllib3
"""


@dataclass(frozen=True)
class Diet:
    """What samples are like during a part of the training; shares are probabilities."""

    fim_share: float
    middle_weight: float
    row_shares: tuple[float, ...]


SUFFIX_TOKENS_MAX = 0
"""How much of a suffix the finished model is shown. It was trained with suffixes, but a network of this size
goes on with what it read last: the card compares both. The exported file says so to the server."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one model; the defaults are those of cope-nano-v0."""

    name: str = "cope-nano-v0"
    version: str = "0"
    seed: int = 20_260

    # The corpus, in bytes of source text.
    distributions: tuple[str, ...] = tuple(sorted(DISTRIBUTIONS.split()))
    distribution_bytes_max: int = 1_500_000
    file_bytes_max: int = 150_000
    file_bytes_min: int = 200
    line_chars_max: int = 300
    held_out_percent: int = 2
    synthetic_modules: int = 8_000

    # The network.
    vocabulary: int = 4_096
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 640
    context_tokens: int = 1_024
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    # The samples: first mostly long rows, to learn the language; then short ones with more holes.
    early: Diet = Diet(fim_share=0.75, middle_weight=3.0, row_shares=(0.15, 0.35, 0.35, 0.15))
    late: Diet = Diet(fim_share=0.9, middle_weight=5.0, row_shares=(0.45, 0.35, 0.15, 0.05))
    late_from: float = 0.56
    synthetic_share: float = 0.18
    row_tokens: tuple[int, ...] = (128, 256, 512, 1_024)

    # The training. One step sees step_tokens, as rows that all have one of the lengths.
    minutes: float = 75.0
    tokens_max: int = 30_000_000
    step_tokens: int = 6_144
    matrix_rate: float = 0.008
    other_rate: float = 0.003
    weight_decay: float = 0.1
    warmup_share: float = 0.02
    gradient_norm_max: float = 1.0
    threads: int = 2
    checkpoint_s: float = 180.0

    # The evaluation.
    fim_tasks: int = 200
    fim_answer_tokens_max: int = 64
    held_out_windows: int = 160

    def diet(self, share: float) -> Diet:
        """Return what samples are like after a share of the training."""
        return self.late if share >= self.late_from else self.early

    @property
    def digest(self) -> str:
        """A short name for exactly these choices; working files of another recipe are not reused."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


SMOKE = Recipe(
    name="cope-smoke",
    distributions=("pytest",),
    synthetic_modules=300,
    minutes=0.5,
    fim_tasks=20,
    held_out_windows=4,
)
