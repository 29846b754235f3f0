"""The recipe: every choice that decides what the two models become."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from training.family.task import Part

TRAINING_DIR = Path(__file__).resolve().parent
BUILD_DIR = TRAINING_DIR / "build"
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

Device = Literal["cpu", "cuda"]
Quantisation = Literal["Q8_0", "Q4_0"]


@dataclass(frozen=True)
class Ingredients:
    """What both models are made of: the corpus, in bytes of source text, the family and the tokenizer."""

    seed: int = 20_260
    distributions: tuple[str, ...] = tuple(sorted(DISTRIBUTIONS.split()))
    distribution_bytes_max: int = 1_500_000
    file_bytes_max: int = 150_000
    file_bytes_min: int = 200
    line_chars_max: int = 300
    held_out_percent: int = 2
    synthetic_modules: int = 8_000
    family_part: Part = "core"
    family_tasks: int = 100_000
    family_held_out: int = 400
    vocabulary: int = 2_048


@dataclass(frozen=True)
class Diet:
    """What the rows hold; shares are probabilities of drawing such a document."""

    task_share: float
    """Tasks in the plain format. They are shorter than a row, so their share of the tokens is smaller."""
    function_share: float = 0.06
    """Of the tasks: real functions with docstrings; the rest is the family."""
    synthetic_share: float = 0.2
    """Of the Python source: small modules from templates."""
    neighbours_share: float = 0.08
    """Of the Python source: two files of one package behind each other, with a separator."""
    fim_share: float = 0.75
    """Of the Python source: documents with a hole."""
    middle_weight: float = 3.0
    head_weight: float = 0.3
    """What a task is given is learnt less than what is to be written, whose weight is `answer_weight`."""
    answer_weight: float = 2.0


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one model on one device."""

    name: str
    title: str
    version: str = "1"
    ingredients: Ingredients = Ingredients()

    # The network.
    width: int = 96
    layers: int = 4
    heads: int = 3
    feed_forward: int = 256
    context_tokens: int = 512
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    grows_from: "Recipe | None" = None
    """Whose trained network this one starts from, twice as wide; None: from nothing."""

    # The samples: rows of one length a step.
    diet: Diet = Diet(task_share=0.72)
    row_tokens: tuple[int, ...] = (256, 512)
    row_shares: tuple[float, ...] = (0.75, 0.25)

    # The training. One step sees step_tokens.
    device: Device = "cpu"
    minutes: float = 80.0
    tokens_max: int = 40_000_000
    step_tokens: int = 4_096
    matrix_rate: float = 0.015
    other_rate: float = 0.005
    weight_decay: float = 0.05
    warmup_share: float = 0.02
    gradient_norm_max: float = 1.0
    threads: int = 1
    checkpoint_s: float = 180.0
    measure_s: float = 240.0

    # The finished file.
    quantisation: Quantisation = "Q8_0"
    suffix_tokens_max: int = 96

    # The evaluation.
    fim_tasks: int = 200
    fim_answer_tokens_max: int = 64
    held_out_windows: int = 48

    @property
    def file_name(self) -> str:
        """Return the name of the finished model file."""
        return f"{self.name}.gguf"

    @property
    def digest(self) -> str:
        """A short name for exactly these choices; working files of another recipe are not reused.

        Minutes and threads do not count: a training may go on for longer, or with more of them.
        """
        origin = self.grows_from
        plain = replace(origin, minutes=0.0, threads=1) if origin else None
        return digest_of(replace(self, minutes=0.0, threads=1, grows_from=plain))


def digest_of(choices: Recipe | Ingredients) -> str:
    """Return eight characters that change with any choice."""
    return hashlib.sha256(repr(choices).encode()).hexdigest()[:8]


NANO = Recipe(name="cope-nano-v1", title="A very small Python model, the default of cope-lsp")

NANO_LARGE = Recipe(
    name="cope-nano-large-v1",
    title="A small Python model that plans for cope-nano, a stand-in for a hosted model",
    width=192,
    layers=7,
    heads=6,
    feed_forward=512,
    grows_from=NANO,
    diet=Diet(task_share=0.97),
    minutes=38.0,
    threads=2,
    step_tokens=2_048,
    matrix_rate=0.004,
    other_rate=0.0012,
)

_ON_GPU = {
    "device": "cuda",
    "minutes": 20.0,
    "tokens_max": 2_000_000_000,
    "step_tokens": 65_536,
    "ingredients": Ingredients(family_part="whole", family_tasks=400_000),
}
NANO_GPU = replace(NANO, width=192, layers=7, feed_forward=512, **_ON_GPU)  # type: ignore[arg-type]
_LARGE_ON_GPU = replace(NANO_LARGE, width=384, layers=10, heads=6, feed_forward=1_024, **_ON_GPU)  # type: ignore[arg-type]
NANO_LARGE_GPU = replace(_LARGE_ON_GPU, grows_from=NANO_GPU)

RECIPES: dict[tuple[str, str], Recipe] = {
    ("nano", "cpu"): NANO,
    ("nano-large", "cpu"): NANO_LARGE,
    ("nano", "cuda"): NANO_GPU,
    ("nano-large", "cuda"): NANO_LARGE_GPU,
}
OUT_DIRS = {"nano": EMBEDDED_DIR, "nano-large": TRAINING_DIR / "nano-large"}


def smoke(recipe: Recipe) -> Recipe:
    """Return the recipe in its smallest form, to see that everything works."""
    few = replace(
        recipe.ingredients,
        distributions=("pytest",),
        file_bytes_max=20_000,
        synthetic_modules=300,
        family_tasks=500,
        family_held_out=40,
    )
    return replace(
        recipe,
        name=f"{recipe.name}-smoke",
        grows_from=smoke(recipe.grows_from) if recipe.grows_from else None,
        ingredients=few,
        minutes=0.4,
        fim_tasks=20,
        held_out_windows=4,
        measure_s=10.0,
    )
