from typing import Any

from training import card
from training.corpus import Source, SourceFile
from training.manifest import describe
from training.recipe import Recipe

RECIPE = Recipe()
RUN = card.Run(
    steps=100, tokens=614_400, minutes=2.4, parameters=5_000_000, file_bytes=6_000_000, sha256="ab" * 32
)
FILES = tuple(SourceFile("package", f"{n}.py", "x = 1\n") for n in range(3))
MANIFEST = describe(RECIPE, [Source("package", "1.2", "MIT", FILES)], ["y = 2\n"])
EVALUATION: dict[str, Any] = {
    "loss": {"nats_per_token": 2.5, "nats_per_byte": 0.75, "tokens": 12_345},
    "held_out": {"tasks": 300, "right": 60},
    "held_out_with_suffix": {"tasks": 300, "right": 15},
    "synthetic": {"tasks": 300, "right": 150},
    "probes": [("def add(a, b):\n    return ", "\n", "a + b")],
}


def written(**changes: object) -> str:
    return card.write(RECIPE, MANIFEST, RUN, EVALUATION | changes)


def test_the_card_says_how_the_model_was_made() -> None:
    text = written()
    for fact in ("100 steps", "614,400 tokens", "2 minutes", f"{RECIPE.seed:,}", RECIPE.digest, "ab" * 32):
        assert fact in text


def test_the_card_says_how_good_the_model_is() -> None:
    text = written()
    assert "2.500 nats per token, 0.750 nats per byte (12,345 tokens)" in text
    assert "60 of 300 (20 %)" in text
    assert "15 of 300 (5 %)" in text
    assert "150 of 300 (50 %)" in text


def test_the_card_shows_what_the_model_writes_in_its_place() -> None:
    assert "def add(a, b):\n    return ⟦a + b⟧\n" in written()


def test_the_card_lists_the_sources() -> None:
    assert "| package | 1.2 | MIT | 3 | 18 |" in written()


def test_the_card_says_what_the_model_cannot_do() -> None:
    assert card.LIMITS in written()


def test_a_recipe_with_another_choice_has_another_digest() -> None:
    assert Recipe().digest == RECIPE.digest
    assert Recipe(seed=RECIPE.seed + 1).digest != RECIPE.digest
