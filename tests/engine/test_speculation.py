"""Guessed tokens: what is guessed, how many at a time, and that no text changes."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.speculation import GUESSES_MAX, MATCH_TOKENS, RETRY_STEPS_MAX, Lookup, Pace
from cope_lsp.engine.wire import EngineSettings
from tests.engine.conftest import draw, generation
from tests.engine.test_batching import prompts
from tests.random_model import write_exact_copy

TOKENS = 64


# -- what is guessed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "count", "expected"),
    [
        ([], 3, []),
        ([1, 2, 3], 3, []),
        ([1, 2, 3, 4, 5, 1, 2, 3], 2, [4, 5]),
        ([1, 2, 3, 4, 5, 1, 2, 3], 9, [4, 5, 1, 2, 3]),
        ([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3], 1, [5]),  # the latest place counts
        ([7, 7, 7, 7], 2, [7]),
        ([1, 2, 4, 9, 2, 3, 4], 2, []),
        ([1, 2, 3, 4, 5, 1, 2, 3], 0, []),
        ([256, 65536, 1, 2, 256, 65536, 1], 1, [2]),
        ([0, 0, 1, 0, 0, 256], 3, []),  # bytes that only look alike are no tokens
    ],
)
def test_what_followed_the_last_tokens_before_is_guessed(
    tokens: list[int], count: int, expected: list[int]
) -> None:
    assert Lookup(tokens).guess(count) == expected


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 10))
def test_a_guess_is_what_a_plain_search_finds(tokens: list[int], count: int) -> None:
    lookup = Lookup(tokens[:30])
    for token in tokens[30:]:
        lookup.add(token)
    last = tokens[-MATCH_TOKENS:]
    places = [at for at in range(len(tokens) - MATCH_TOKENS) if tokens[at : at + MATCH_TOKENS] == last]
    start = places[-1] + MATCH_TOKENS if places and len(last) == MATCH_TOKENS else len(tokens)
    assert lookup.guess(count) == tokens[start : start + count]


# -- how many ---------------------------------------------------------------------------------------


def speeds(right: float, seconds: Callable[[int], float], steps: int = 2_000) -> tuple[float, float]:
    """Return the tokens per second without and with guesses, of which a share is right."""
    dice, pace = random.Random(1), Pace()
    tokens, time = 0, 0.0
    for _ in range(steps):
        guesses = pace.guesses()
        good = next((index for index in range(guesses) if dice.random() >= right), guesses)
        took = seconds(1 + guesses)
        pace.learn(1 + guesses, took, good)
        tokens, time = tokens + 1 + good, time + took
    return 1 / seconds(1), tokens / time


@pytest.mark.parametrize(
    ("right", "seconds", "least"),
    [
        (0.9, lambda tokens: 0.01 + 0 * tokens, 4.0),  # a batch costs what a token costs: guess much
        (0.9, lambda tokens: 0.01 + 0.003 * (tokens - 1), 1.75),
        (0.5, lambda tokens: 0.01 + 0.001 * (tokens - 1), 1.4),
        (0.5, lambda tokens: 0.01 * tokens, 0.98),  # each guess costs a token: do not guess
        (0.05, lambda tokens: 0.01 + 0.004 * (tokens - 1), 0.98),
        (0.0, lambda tokens: 0.01 * tokens, 0.98),
    ],
)
def test_it_guesses_as_long_as_that_pays(right: float, seconds: Callable[[int], float], least: float) -> None:
    without, with_guesses = speeds(right, seconds)
    assert with_guesses >= least * without


def test_a_network_that_is_fast_is_left_alone() -> None:
    pace = Pace()
    before = pace.is_worthwhile
    pace.learn(1, 0.0002, 0)
    assert (before, pace.is_worthwhile, pace.guesses()) == (True, False, 0)
    assert Pace(always=True).guesses() == GUESSES_MAX


def test_it_guesses_nothing_before_it_knows_what_a_token_costs() -> None:
    assert Pace().guesses() == 0


def test_it_tries_again_when_the_text_may_have_become_another() -> None:
    pace = Pace()
    tried = []
    for _ in range(8 * RETRY_STEPS_MAX):
        guesses = pace.guesses()
        pace.learn(1 + guesses, 0.01 * (1 + guesses), 0)
        tried.append(guesses)
    assert set(tried[-RETRY_STEPS_MAX:]) == {0, 1}
    assert tried[-2 * RETRY_STEPS_MAX :].count(1) == 2
    while not pace.guesses():
        pace.learn(1, 0.01, 0)
    for _ in range(40):
        pace.learn(2, 0.011, 1)
    assert pace.guesses() > 1


def test_what_is_spent_before_the_first_guess_must_be_saved_by_the_end_of_the_text() -> None:
    pace = Pace()
    for _ in range(60):  # eight tokens for the time of one and a bit: nearly 9 ms of 10 are saved for each
        pace.learn(1, 0.01, 0)
        pace.learn(8, 0.011, 7)
    assert pace.guesses(ahead_s=0.8, left=100) == GUESSES_MAX
    assert pace.guesses(ahead_s=0.8, left=80) == 0
    assert pace.guesses() == GUESSES_MAX, "nothing is to be spent"


@given(st.lists(st.tuples(st.integers(1, 8), st.floats(1e-6, 10), st.integers(0, 7)), max_size=60))
def test_whatever_it_learned_it_guesses_within_its_bounds(batches: list[tuple[int, float, int]]) -> None:
    pace = Pace()
    for tokens, seconds, right in batches:
        pace.learn(tokens, seconds, min(right, tokens - 1))
        assert 0 <= pace.guesses() <= GUESSES_MAX


# -- that no text changes -----------------------------------------------------------------------------


@pytest.mark.timeout(900)
async def test_greedy_text_is_equal_with_and_without_speculation(
    tmp_path: Path, scale: Callable[[int, int], int]
) -> None:
    """Without quantised weights, whose rounding makes the last bit of a sum decide between two tokens."""
    exact = write_exact_copy(tmp_path / "exact.gguf")
    plain = EngineProcess(exact, EngineSettings(cache_type="f32", speculation="never"))
    guessing = EngineProcess(exact, EngineSettings(cache_type="f32", speculation="always"))
    try:
        for text in prompts(scale(12, 200)):
            # What stands there twice is guessed; the second time the prompt is remembered.
            for asked in (text, f"{text}\n{text[:400]}", text):
                expected = await draw(plain, generation(asked, tokens=TOKENS))
                found = await draw(guessing, generation(asked, tokens=TOKENS))
                assert found.samples == expected.samples
                assert found.usage.output_tokens == expected.usage.output_tokens
    finally:
        await plain.close()
        await guessing.close()
