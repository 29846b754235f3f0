"""Suites: the tests of a task, a few for the checks to run and others for the score."""

import random
from collections.abc import Sequence

from training.family.execution import Chain, compiled, fits, run, shortened
from training.family.inputs import PROBES, Value, literal, pool

VISIBLE_TESTS = 3
HIDDEN_TESTS = 12
_DRAWN = 16

Case = tuple[Value, Value]
"""An input and the output that the reference solution gives."""


def draw_suite(
    rng: random.Random, chain: Chain, name: str, function: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return visible and hidden assert lines, on different inputs; `function` is the solution's text.

    The hidden ones tell the task from itself without any one of its steps: an input that does so is among
    the probes, or the chain would not be sound (`execution.is_sound`).
    """
    cases = _varied(rng, _candidates(rng, chain, name, function))
    needed = [*_different(cases), *_telling(chain, cases)]
    rest = [case for case in cases if case not in needed]
    visible, others = rest[:VISIBLE_TESTS], rest[VISIBLE_TESTS:]
    hidden = [*_without_repeats(needed), *others][:HIDDEN_TESTS]
    rng.shuffle(hidden)
    return tuple(_assert(name, case) for case in visible), tuple(_assert(name, case) for case in hidden)


def _candidates(rng: random.Random, chain: Chain, name: str, function: str) -> list[Case]:
    """Return the probes and some other inputs, shuffled, with what the reference solution makes of them."""
    inputs = pool(chain[0].operation.takes)
    chosen = [*inputs[:PROBES], *rng.sample(inputs[PROBES:], _DRAWN)]
    rng.shuffle(chosen)
    reference = compiled(function, name)
    cases = [(value, reference(value)) for value in chosen]
    return [case for case in cases if fits(case[1])]


def _varied(rng: random.Random, cases: Sequence[Case]) -> list[Case]:
    """Return the cases so that different outputs come first: a suite of one answer would tell little."""
    seen: dict[str, int] = {}
    ranked = []
    for case in cases:
        key = literal(case[1])
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], rng.random(), case))
    return [case for _, _, case in sorted(ranked, key=lambda item: item[:2])]


def _different(cases: Sequence[Case]) -> list[Case]:
    """Return two cases that no constant passes."""
    return [cases[0], next(case for case in cases if case[1] != cases[0][1])]


def _telling(chain: Chain, cases: Sequence[Case]) -> list[Case]:
    """Return a case for each step that could be left out, on which its absence shows."""
    return [next(case for case in cases if run(shorter, case[0]) != case[1]) for shorter in shortened(chain)]


def _without_repeats(cases: Sequence[Case]) -> list[Case]:
    return [case for index, case in enumerate(cases) if case not in cases[:index]]


def _assert(name: str, case: Case) -> str:
    value, output = case
    relation = "is" if isinstance(output, bool) else "=="
    return f"assert {name}({literal(value)}) {relation} {literal(output)}"
