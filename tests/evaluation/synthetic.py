"""Trials that nobody made: methods of known accuracy, cost and candour on tasks of known ease.

`python -m tests.evaluation.synthetic FILE` writes a record of them, to look at a report with.
"""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cope_lsp.evaluation.record import Call, Evidence, Record, Row, Said, Setting, Stage, Trial

SMALL, LARGE = ("nano-small", "aa11" * 4), ("nano-large", "bb22" * 4)
WORDINGS = ("direct", "indirect")


@dataclass(frozen=True)
class Recipe:
    """A method that does not exist."""

    method: str
    right: float
    """The share of tasks that it solves, in the mean over many tasks."""
    nusd: int = 0
    """Of a large answer."""
    stages: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """How often it is settled in stages 1, 2 and 3."""
    estimator: Evidence = ""
    bias: float = 0.0
    """By how much it is too sure."""
    setting: Setting = field(default_factory=Setting)


RECIPES = (
    Recipe("small-alone", 0.56),
    Recipe("large-alone", 0.82, 1_400_000, (0.0, 0.0, 1.0)),
    Recipe("large-own-plan", 0.87, 1_900_000, (0.0, 0.0, 1.0)),
    Recipe("cascade-no-plans", 0.80, 1_400_000, (0.6, 0.0, 0.4), "agreement", 0.15),
    Recipe("plans-only", 0.72, 300_000, (0.0, 1.0, 0.0)),
    Recipe("router", 0.71, 1_400_000, (0.5, 0.0, 0.5), "router", 0.05),
    Recipe("scored-cascade", 0.74, 1_400_000, (0.55, 0.0, 0.45), "score", 0.25),
    Recipe("cope-consensus", 0.86, 900_000, (0.6, 0.25, 0.15), "agreement", 0.1),
    Recipe("cope-checks", 0.93, 900_000, (0.7, 0.2, 0.1), "tests"),
    Recipe("cope-checks", 0.91, 900_000, (0.6, 0.2, 0.2), "tests", setting=Setting(samples=4)),
    Recipe("cope-checks", 0.90, 900_000, (0.6, 0.25, 0.15), "tests", setting=Setting(stage_1="none")),
)


def trials(
    count: int = 200, *, recipes: Sequence[Recipe] = RECIPES, seed: int = 0, seeds: Sequence[int] = (0,)
) -> list[Trial]:
    """Return the trials of all recipes on the same tasks."""
    return [
        _trial(recipe, index, draw, seed) for recipe in recipes for index in range(count) for draw in seeds
    ]


def _trial(recipe: Recipe, index: int, draw: int, seed: int) -> Trial:
    ease = random.Random(f"{seed}/{index}").random()
    rng = random.Random(f"{seed}/{index}/{draw}/{recipe.method}/{recipe.setting!r}")
    # Where a task is easier than the method is good, it is solved; but one time in ten chance decides.
    is_right = rng.random() < recipe.right if rng.random() < 0.1 else ease < recipe.right
    place = rng.random()
    stage: Stage = 1 if place < recipe.stages[0] else 2 if place < sum(recipe.stages[:2]) else 3
    confidence = _confidence(recipe, rng, is_right=is_right) if recipe.estimator and stage < 3 else None
    plan, answer = recipe.nusd // 5 * (stage > 1), recipe.nusd * (stage == 3)
    return Trial(
        task=f"held-out:{index}",
        digest=f"{index:016x}",
        wording=WORDINGS[index % 2],
        method=recipe.method,
        setting=recipe.setting,
        seed=draw,
        small=SMALL[0] if recipe.stages[2] < 1 else "",
        small_digest=SMALL[1] if recipe.stages[2] < 1 else "",
        large=LARGE[0] if recipe.nusd else "",
        large_digest=LARGE[1] if recipe.nusd else "",
        stage=stage,
        accepted=confidence is None or confidence >= 0.5,
        confidence=confidence,
        estimator=recipe.estimator if confidence is not None else "",
        visible=True,
        right=is_right,
        calls=(f"{recipe.method}/{index}",),
        tokens_in_small=60 * (stage < 3),
        tokens_out_small=rng.randrange(20, 300) * (stage < 3),
        tokens_in_large=200 * (stage > 1),
        tokens_out_large=rng.randrange(20, 90) * (stage > 1),
        nusd=round((plan + answer) * rng.uniform(0.7, 1.3)),
        seconds=rng.lognormvariate(-1.0, 0.6),
        plans=(),
    )


def _confidence(recipe: Recipe, rng: random.Random, *, is_right: bool) -> float:
    """Draw a confidence: the higher, the more frequent among right answers; a bias blurs that."""
    levels = [index / 8 for index in range(1, 9)]
    chances = [max(level - recipe.bias, 0.02) for level in levels]
    return rng.choices(levels, chances if is_right else [1.01 - chance for chance in chances])[0]


def write(path: Path, made: Sequence[Trial]) -> None:
    """Write a record as a run leaves it: calls between trials."""
    record = Record.open(path)
    said = (Said("    return 1\n", 4, "stop"),)
    for trial in made:
        for key in trial.calls:
            record.add(Row(call=Call(key, "small", *SMALL, trial.digest, 60, 0, 4, 0.1, 0, said)))
        record.add(Row(trial=trial))


if __name__ == "__main__":
    write(Path(sys.argv[1]), trials(500))
