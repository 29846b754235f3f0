from dataclasses import replace
from typing import Any

from cope_lsp.cascade.prompts import Parts
from training import card
from training.corpus import Corpus, Source, SourceFile
from training.exercises import Exercise
from training.manifest import describe
from training.recipe import NANO, NANO_GPU, NANO_LARGE, smoke

RUN = card.Run(
    steps=100, tokens=614_400, minutes=2.4, parameters=5_000_000, file_bytes=6_000_000, sha256="ab" * 32
)
FILES = tuple(SourceFile("package", f"{n}.py", "x = 1\n") for n in range(3))
CORPUS = Corpus((Source("package", "1.2", "MIT", FILES),), {"secrets": 7, "benchmarks": 5}, 1_234)
FAMILY = [Exercise(Parts("", "def f(x):"), "    return x\n")]
MANIFEST = describe(NANO.ingredients, CORPUS, ["y = 2\n"], FAMILY)
EVALUATION: dict[str, Any] = {
    "loss": {"nats_per_token": 2.5, "nats_per_byte": 0.75, "tokens": 12_345},
    "held_out": {"tasks": 300, "right": 60},
    "held_out_with_suffix": {"tasks": 300, "right": 15},
    "synthetic": {"tasks": 300, "right": 150},
    "probes": [("def add(a, b):\n    return ", "\n", "a + b")],
    "task_probes": [("def peak(x):\n    # Goal:", " the largest\n    return max(x)\n")],
}


def written(**changes: object) -> str:
    return card.write(NANO, MANIFEST, RUN, EVALUATION | changes)


def test_the_card_says_how_the_model_was_made() -> None:
    text = written()
    for fact in (
        "100 steps",
        "614,400 tokens",
        "2 minutes",
        "20,260",
        NANO.digest,
        "ab" * 32,
        "one processor core",
    ):
        assert fact in text


def test_the_card_says_on_what_machine_the_model_was_made() -> None:
    assert "one GPU" in card.write(NANO_GPU, MANIFEST, RUN, EVALUATION)
    assert "2 processor cores" in card.write(replace(NANO, threads=2), MANIFEST, RUN, EVALUATION)


def test_the_card_says_what_the_model_began_with() -> None:
    assert "trained from nothing" in written()
    assert "`make model`" in written()
    large = card.write(NANO_LARGE, MANIFEST, RUN, EVALUATION)
    assert f"trained from {NANO.name}" in large
    assert "`make -C training nano-large`" in large


def test_the_smallest_form_of_a_recipe_grows_from_the_smallest_form_of_the_other() -> None:
    assert smoke(NANO_LARGE).grows_from == smoke(NANO)


def test_the_card_says_how_good_the_model_is() -> None:
    text = written()
    assert "2.500 nats per token, 0.750 nats per byte (12,345 tokens)" in text
    assert "60 of 300 (20 %)" in text
    assert "15 of 300 (5 %)" in text
    assert "150 of 300 (50 %)" in text


def test_pass_rates_stand_in_the_card_once_they_were_measured() -> None:
    measured = card.write(NANO, MANIFEST, RUN, EVALUATION, {"code, no plan": 0.553})
    assert "| code, no plan | 55.3 % |" in measured
    assert "pass rate" not in written()


def test_the_card_shows_what_the_model_writes_in_its_place() -> None:
    assert "def add(a, b):\n    return ⟦a + b⟧\n" in written()
    assert "def peak(x):\n    # Goal:⟦ the largest\n    return max(x)\n⟧" in written()


def test_the_card_lists_the_sources() -> None:
    assert "| package | 1.2 | MIT | 3 | 18 |" in written()


def test_the_card_says_what_was_left_out_and_why() -> None:
    text = written()
    assert "7 files were left out because something in them looks like a secret" in text
    assert "5 because they share 13 words in a row with a benchmark" in text
    unchecked = describe(NANO.ingredients, replace(CORPUS, benchmark_runs=0), [], FAMILY)
    assert "none was at hand" in card.write(NANO, unchecked, RUN, EVALUATION)


def test_the_card_says_how_much_of_the_suffix_helps() -> None:
    assert "no suffix |" in card.write(replace(NANO, suffix_tokens_max=0), MANIFEST, RUN, EVALUATION)
    assert "at most 96 tokens of suffix |" in written()


def test_the_card_says_what_the_model_cannot_do() -> None:
    assert card.LIMITS in written()


def test_a_recipe_with_another_choice_has_another_digest() -> None:
    assert replace(NANO).digest == NANO.digest
    assert replace(NANO, width=NANO.width + 32).digest != NANO.digest


def test_a_training_may_go_on_for_longer_and_with_more_threads() -> None:
    assert replace(NANO, minutes=NANO.minutes + 1, threads=2).digest == NANO.digest
