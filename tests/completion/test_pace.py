"""How long is waited before a model is asked: not for a fast one, and never between two quick keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.completion.pace import DELAY_MAX_S, INTERVALS_MAX, INTERVALS_MIN, PAUSE_S, Pace

WORD = "x = fo‸"


def typist(interval_s: float, latency_s: float | None, keys: int = INTERVALS_MAX) -> tuple[Pace, float]:
    """Return the pace of somebody who typed evenly, and when the last key was."""
    pace, now = Pace(), 0.0
    for n in range(keys + 1):
        now = n * interval_s
        pace.keystroke(now)
    if latency_s is not None:
        for _ in range(5):
            pace.latency(latency_s)
    return pace, now


def delay(pace: Pace, place: str, now: float, idle_s: float = 0.0) -> float:
    before, after = place.split("‸")
    return pace.delay(before + after, len(before), now, idle_s)


def test_a_fast_model_is_asked_at_once() -> None:
    pace, now = typist(0.2, 0.02)
    assert delay(pace, WORD, now) == 0


def test_before_anything_is_known_of_a_model_it_is_asked_at_once() -> None:
    pace, now = typist(0.2, None)
    assert delay(pace, WORD, now) == 0
    assert delay(Pace(), WORD, 5.0) == 0


@pytest.mark.parametrize("latency_s", [0.1, 0.2, 0.5, 5.0])
@pytest.mark.parametrize("interval_s", [0.1, 0.15, 0.2, 0.25])
def test_who_types_quickly_within_words_wastes_no_request_of_a_slow_model(
    interval_s: float, latency_s: float
) -> None:
    """Keys are not quite even: one that comes half an interval late is no pause."""
    pace, now = typist(interval_s, latency_s)
    assert delay(pace, WORD, now) >= min(DELAY_MAX_S, 1.5 * interval_s)


@pytest.mark.parametrize("interval_s", [0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("share", [0.1, 0.24, 0.26, 0.5, 1.0, 3.0])
def test_nobody_is_waited_for_until_just_when_the_next_key_comes(interval_s: float, share: float) -> None:
    """To wait for less than a pause wastes more requests than not to wait."""
    waited = _wait(interval_s, share * interval_s)
    assert waited == 0 if share < 0.25 else waited >= min(DELAY_MAX_S, 1.5 * interval_s)


def test_what_a_model_needs_counts_as_waiting_but_not_for_all_of_it() -> None:
    waits = [_wait(0.2, latency) for latency in (0.06, 0.08, 0.3, 3.0)]
    assert waits[0] > waits[1] > waits[2] == waits[3] > 0.2


def _wait(interval_s: float, latency_s: float, keys: int = INTERVALS_MAX) -> float:
    pace, now = typist(interval_s, latency_s, keys)
    return delay(pace, "x = fo‸)", now)


def test_less_is_waited_where_people_pause() -> None:
    pace, now = typist(0.2, 0.1)
    places = ["def f():\n    ‸\n", "foo(‸\n", "foo(‸)", "x + ‸\n", "x + ‸y", "x + fo‸\n", "x + fo‸)"]
    waits = [delay(pace, place, now) for place in places]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1] / 2


@pytest.mark.parametrize("opening", ["(", "[", "{", ".", "x = ", "f(a, ", "def f(): "])
def test_after_an_opening_people_pause(opening: str) -> None:
    pace, now = typist(0.2, 0.1)
    assert delay(pace, f"{opening}‸", now) < delay(pace, WORD, now)


def test_a_wait_begins_with_the_key_not_with_the_request() -> None:
    """Some editors wait themselves before they ask; and who only moves the cursor does not type."""
    pace, now = typist(0.2, 0.1)
    whole = delay(pace, WORD, now)
    assert delay(pace, WORD, now + 0.1) == pytest.approx(whole - 0.1)
    assert delay(pace, WORD, now + 10) == 0


def test_who_types_slowly_is_waited_for_longer() -> None:
    assert _wait(0.3, 1.0) > _wait(0.15, 1.0)


def test_a_pause_is_no_interval_between_keys() -> None:
    pace, now = typist(0.15, 1.0)
    before = delay(pace, WORD, now)
    for n in range(1, INTERVALS_MAX + 1):
        pace.keystroke(now + n * PAUSE_S)
    assert delay(pace, WORD, now + INTERVALS_MAX * PAUSE_S) == before


def test_a_few_keys_say_nothing_of_how_fast_somebody_types() -> None:
    assert _wait(0.1, 1.0, INTERVALS_MIN - 1) == _wait(0.4, 1.0, INTERVALS_MIN - 1)
    assert _wait(0.1, 1.0, INTERVALS_MIN) < _wait(0.4, 1.0, INTERVALS_MIN)


def test_what_was_long_ago_is_forgotten() -> None:
    pace, now = typist(0.4, 5.0)
    for n in range(1, INTERVALS_MAX + 1):
        pace.keystroke(now + 0.1 * n)
    for _ in range(20):
        pace.latency(0.001)
    assert delay(pace, WORD, now + 0.1 * INTERVALS_MAX) == 0


def test_an_idle_time_is_waited_for_whatever_the_model_costs() -> None:
    pace, now = typist(0.2, 0.01)
    assert delay(pace, WORD, now, idle_s=0.7) == pytest.approx(0.7)
    assert delay(pace, WORD, now + 0.5, idle_s=0.7) == pytest.approx(0.2)
    assert delay(Pace(), WORD, 5.0, idle_s=0.7) == pytest.approx(0.7)


@given(
    st.lists(st.floats(0, 10), max_size=150),
    st.lists(st.floats(0, 60), max_size=30),
    st.text("a (.=\n", max_size=8),
    st.data(),
)
def test_a_wait_is_never_long_nor_negative(
    gaps: list[float], latencies: list[float], text: str, data: st.DataObject
) -> None:
    pace, now = Pace(), 0.0
    for gap in gaps:
        now += gap
        pace.keystroke(now)
    for latency in latencies:
        pace.latency(latency)
    offset = data.draw(st.integers(0, len(text)))
    assert 0 <= pace.delay(text, offset, now) <= DELAY_MAX_S
