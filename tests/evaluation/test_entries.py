"""Methods as people name them."""

import pytest

from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Setting
from cope_lsp.evaluation.trials.entries import GROUPS, entries
from cope_lsp.evaluation.trials.methods import METHODS


def test_a_name_alone_stands_for_the_methods_own_setting() -> None:
    assert entries("large-alone") == [("large-alone", METHODS["large-alone"].setting)]


def test_settings_follow_their_method() -> None:
    named = (
        "cope-checks:samples=4:thresholds=1/0.25:tests=1:stage_1=none:passed_on=no:temperature=0.5:rounds=1"
    )
    wanted = Setting(
        samples=4,
        thresholds=(1.0, 0.25),
        temperature=0.5,
        stage_1="none",
        passed_on=False,
        rounds=1,
        tests=1,
    )
    assert entries(named) == [("cope-checks", wanted)]
    ((_, tries),) = entries("large-tries:tries=2")
    assert (tries.tries, tries.tests) == (2, 3)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_stands_for_different_methods(group: str) -> None:
    found = entries(group)
    assert len(found) == len(set(found)) == len(GROUPS[group])


def test_what_is_named_twice_is_run_once() -> None:
    assert [name for name, _ in entries("small-alone, all,small-alone,")] == list(GROUPS["all"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("magic", "there is no method magic; known are small-alone, "),
        ("small-alone:samples=4", "small-alone has no setting samples; it has none"),
        ("router:samples=4", "router has no setting samples; it has thresholds"),
        ("cope-checks:samples=0", "cope-checks:samples=0 cannot be used; a whole number from 1 to 16"),
        ("cope-checks:samples=many", "cannot be used; a whole number"),
        ("cope-checks:tests=4", "more would leave too few for the score"),
        ("cope-checks:thresholds=0.5", "as many numbers from 0 to 1 as the method has"),
        ("cope-checks:thresholds=0.5/2", "as many numbers from 0 to 1"),
        ("cope-checks:temperature=0", "a number above 0 and up to 2"),
        ("cope-checks:stage_1=plan", "goal, guideline or none"),
        ("cope-checks:passed_on=maybe", "yes or no"),
        ("cope-checks:rounds=10", "a whole number from 0 to 9"),
        ("large-tries:tries=0", "a whole number from 1 to 9"),
        ("cope-checks:when_hopeless=maybe", "go-on or stop"),
        ("planned:planner=magic", "none, small, large or author"),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, said: str) -> None:
    with pytest.raises(CopeError) as error:
        entries(text)
    assert said in str(error.value)
