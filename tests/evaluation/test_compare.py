"""Two runs: what was gained and lost, on tasks that both tried."""

from dataclasses import replace

import pytest

from cope_lsp.evaluation.compare import comparison
from cope_lsp.evaluation.record import Setting, Trial
from tests.evaluation.synthetic import Recipe, trials

RUN = trials(50, recipes=[Recipe("cope-checks", 0.8, 900_000, (0.7, 0.2, 0.1), "tests")])


def flipped(made: list[Trial], indexes: set[int]) -> list[Trial]:
    return [
        replace(trial, right=not trial.right if index in indexes else trial.right)
        for index, trial in enumerate(made)
    ]


def test_the_tasks_that_were_gained_and_lost_are_named() -> None:
    (change,) = comparison(RUN, flipped(RUN, set(range(10)))).changes
    was_right = [trial.task for trial in RUN[:10] if trial.right]
    was_wrong = [trial.task for trial in RUN[:10] if not trial.right]
    assert (set(change.gained), set(change.lost)) == (set(was_wrong), set(was_right))
    assert (change.difference.won, change.difference.lost) == (len(was_wrong), len(was_right))
    assert change.after.value - change.before.value == pytest.approx(change.difference.value)


def test_a_run_beside_itself_shows_nothing() -> None:
    (change,) = comparison(RUN, RUN).changes
    assert (change.gained, change.lost, change.difference.p, change.p_holm) == ((), (), 1.0, 1.0)
    assert change.usd_per_1000_before == change.usd_per_1000_after


def test_tasks_that_only_one_run_tried_do_not_count() -> None:
    changed = [replace(trial, digest="changed") if trial is RUN[0] else trial for trial in RUN]
    (change,) = comparison(RUN[:40], flipped(changed, {0, 45})).changes
    assert (change.difference.count, change.only_before, change.only_after) == (39, 1, 11)
    assert change.gained == change.lost == ()


def test_a_new_model_is_compared_with_an_old_one() -> None:
    newer = [replace(trial, small="newer", small_digest="cc") for trial in RUN]
    (change,) = comparison(RUN, newer).changes
    assert change.label == "cope-checks"
    assert change.difference.count == 50


def test_of_several_models_only_equal_ones_are_compared() -> None:
    newer = [replace(trial, small="newer", small_digest="cc") for trial in RUN]
    found = comparison(RUN, [*RUN, *newer])
    assert [change.label for change in found.changes] == ["cope-checks:small=nano-small"]
    assert found.not_compared == ("cope-checks:small=newer: only after",)


def test_a_setting_is_compared_with_itself_only() -> None:
    fewer = [replace(trial, setting=Setting(samples=4)) for trial in RUN]
    found = comparison([*RUN, *fewer], fewer)
    assert [change.label for change in found.changes] == ["cope-checks:samples=4"]
    assert found.not_compared == ("cope-checks:samples=8: only before",)


def test_a_router_is_compared_though_it_was_fitted_anew() -> None:
    before, after = (
        [replace(trial, method="router", setting=Setting(fitted=digest)) for trial in RUN]
        for digest in ("aa", "bb")
    )
    (change,) = comparison(before, after).changes
    assert change.label == "router"


def test_the_order_of_the_trials_does_not_matter() -> None:
    other = flipped(RUN, {3, 4, 5})
    assert comparison(RUN[::-1], other[::-1]) == comparison(RUN, other)
