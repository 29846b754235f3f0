"""Confidence, driven with short answers, free text, action votes and tested drafts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.cascade.confidence import Confidence, Estimator, Judged, confidence, perplexity
from cope_lsp.checks.base import Judgement

CODE: tuple[Estimator, ...] = ("tests", "consensus")
JUDGEMENTS: tuple[Judgement, ...] = ("passed", "failed", "unknown")


def answers(*texts: str | None) -> list[Judged]:
    return [Judged(text) for text in texts]


def run(*verdicts: Judgement) -> list[Judged]:
    return [Judged(f"draft {place}", verdict) for place, verdict in enumerate(verdicts)]


def voted(drafts: list[Judged], samples: int) -> Confidence:
    return confidence(drafts, samples, ["consensus"])


# --- short answers and action votes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "samples", "value", "best", "at_most"),
    [
        (answers("12", "12", "7", "12"), 4, 0.75, 0, 0.75),
        (answers("7", "12", "12"), 4, 0.5, 1, 0.75),
        (answers("left", "right"), 2, 0.5, 0, 0.5),  # a tie: the one that came first
        (answers(None, "open door", None), 4, 0.25, 1, 0.5),
        (answers("one"), 8, 0.125, 0, 1.0),
    ],
)
def test_consensus_is_the_share_of_all_samples(
    drafts: list[Judged], samples: int, value: float, best: int, at_most: float
) -> None:
    assert voted(drafts, samples) == Confidence(value, "consensus", best, at_most)


def test_without_a_draft_worth_showing_there_is_no_confidence() -> None:
    assert voted(answers(None, None), 2) == Confidence(0.0, "consensus", None, at_most=0.0)
    assert voted(answers(None), 2) == Confidence(0.0, "consensus", None, at_most=1.0)
    assert voted([], 2) == Confidence(0.0, "consensus", None, at_most=1.0)


# --- free text -----------------------------------------------------------------------------------


def test_the_text_that_its_writer_finds_likeliest_is_the_best() -> None:
    drafts = [
        Judged("a", perplexity=4.0),
        Judged("b", perplexity=2.0),
        Judged("c"),
        Judged(None, perplexity=1.0),
    ]
    assert confidence(drafts, 4, ["perplexity"]) == Confidence(0.5, "perplexity", 1, at_most=0.5)
    assert confidence(drafts, 5, ["perplexity"]).at_most == 1.0
    assert confidence(answers("a"), 1, ["perplexity"]) == Confidence(0.0, "perplexity", None, at_most=0.0)


def test_perplexity_is_that_of_the_tokens() -> None:
    assert perplexity([math.log(0.5), math.log(0.5)]) == pytest.approx(2.0)
    assert perplexity([0.0]) == 1.0
    assert perplexity([]) is None


# --- code ----------------------------------------------------------------------------------------


def test_a_test_that_ran_beats_a_vote() -> None:
    agreed = [Judged("same", "failed"), Judged("same", "failed"), Judged("other", "passed")]
    assert confidence(agreed, 4, CODE) == Confidence(1.0, "tests", 2, at_most=1.0)
    assert confidence(agreed[:2], 2, CODE) == Confidence(0.0, "tests", None, at_most=0.0)


def test_without_tests_the_drafts_vote() -> None:
    assert confidence(answers("same", "same", "other"), 3, CODE).estimator == "consensus"


def test_a_draft_of_no_use_is_not_saved_by_its_tests() -> None:
    assert confidence([Judged(None, "passed")], 1, CODE) == Confidence(0.0, "tests", None, at_most=0.0)


def test_the_first_that_passes_is_taken() -> None:
    assert confidence(run("failed", "passed", "passed"), 3, CODE).best == 1


# --- early stop ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "samples", "threshold", "settled"),
    [
        (answers(*["12"] * 6), 8, 0.75, True),  # 6 of 8 whatever comes
        (answers(*["12"] * 5), 8, 0.75, False),
        (answers("1", "2", "3"), 8, 0.75, False),  # 1 + 5 of 8 may still agree
        (answers("1", "2", "3", "4"), 8, 0.75, True),  # 1 + 4 of 8 are too few
        (run("failed", "passed"), 8, 0.75, True),
        (run("failed", "failed"), 8, 0.75, False),
    ],
)
def test_sampling_ends_when_the_rest_cannot_change_it(
    drafts: list[Judged], samples: int, threshold: float, *, settled: bool
) -> None:
    assert confidence(drafts, samples, CODE).settles(threshold) is settled


@given(
    st.lists(
        st.builds(
            Judged,
            st.sampled_from([None, "a", "b", "c"]),
            st.sampled_from(JUDGEMENTS),
            st.one_of(st.none(), st.floats(1.0, 100.0)),
        ),
        max_size=8,
    ),
    st.integers(1, 8),
    st.floats(0.01, 1.0),
    st.sampled_from([CODE, ("consensus",), ("perplexity",)]),
)
def test_what_is_settled_stays_so(
    drafts: list[Judged], samples: int, threshold: float, order: tuple[Estimator, ...]
) -> None:
    drafts = drafts[:samples]
    # Whether tests are run is the same for all drafts of a task.
    if any(draft.tests == "unknown" for draft in drafts):
        drafts = [Judged(draft.answer, "unknown", draft.perplexity) for draft in drafts]
    whole = confidence(drafts, max(len(drafts), 1), order)
    for seen in range(len(drafts) + 1):
        early = confidence(drafts[:seen], max(len(drafts), 1), order)
        assert 0.0 <= early.value <= early.at_most <= 1.0
        assert whole.value <= early.at_most
        if early.settles(threshold):
            assert (early.value >= threshold) is (whole.value >= threshold)


@pytest.mark.parametrize(("count", "samples", "order"), [(2, 1, CODE), (0, 0, CODE), (1, 1, ())])
def test_what_cannot_be_is_refused(count: int, samples: int, order: tuple[Estimator, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be estimated"):
        confidence(answers(*["a"] * count), samples, order)
