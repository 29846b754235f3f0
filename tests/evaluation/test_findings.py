"""What trials say: counted by hand on few, and in whatever order they were made."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.errors import TaskFileError
from cope_lsp.evaluation.findings import Findings, Row, findings, read_trials
from cope_lsp.evaluation.measure import mcnemar, wilson
from cope_lsp.evaluation.record import Setting, Trial
from cope_lsp.evaluation.variants import variants
from tests.evaluation.synthetic import Recipe, trials, write

PLAIN = trials(4, recipes=[Recipe("large-alone", 0.5, 1_000_000, (0, 0, 1)), Recipe("small-alone", 0.5)])


def made(method: str, right: Sequence[bool], **changes: object) -> list[Trial]:
    """Trials of a method, one for each task."""
    first = next(trial for trial in PLAIN if trial.method == method)
    return [
        replace(first, task=f"t:{index}", digest=f"{index}", right=is_right, **changes)  # type: ignore[arg-type]
        for index, is_right in enumerate(right)
    ]


def row(found: Findings, label: str) -> Row:
    return next(row for row in found.rows if row.label == label)


LARGE = made("large-alone", [True, True, False, False], nusd=2_000_000, seconds=3.0)
SMALL = made("small-alone", [True, False, False, True], nusd=0, seconds=1.0)


def test_a_method_is_counted_and_compared_task_by_task() -> None:
    found = findings([*LARGE, *SMALL])
    small, large = row(found, "small-alone"), row(found, "large-alone")
    assert small.accuracy == large.accuracy == wilson(2, 4)
    assert small.against is not None
    assert (small.against.won, small.against.lost, small.against.p) == (1, 1, mcnemar(1, 1))
    assert large.against is None
    assert large.is_baseline
    assert found.baseline == "large-alone"
    assert (large.usd_per_1000.value, small.usd_per_1000.value) == (2.0, 0.0)
    assert small.relative_cost is not None
    assert (small.relative_cost.value, large.seconds_median, small.seconds_p95) == (0.0, 3.0, 1.0)
    assert [one.share for one in large.stages] == [0, 0, 1, 0]
    assert large.stages[2].right == wilson(2, 4)


def test_tasks_that_only_one_method_was_tried_on_are_not_compared() -> None:
    found = findings([*LARGE, *SMALL[:3]])
    small = row(found, "small-alone")
    assert small.against is not None
    assert small.against.count == 3
    assert small.accuracy.count == 3
    assert "small-alone (3)" in found.notes[0]
    assert findings([*LARGE, *SMALL]).notes == ()


def test_of_two_methods_the_dearer_and_worse_is_not_on_the_front() -> None:
    better = [replace(trial, method="better", right=True, nusd=1_000_000) for trial in LARGE]
    found = findings([*LARGE, *SMALL, *better])
    assert [(one.label, one.is_on_front) for one in found.rows] == [
        ("small-alone", True),
        ("better", True),
        ("large-alone", False),
    ]


def test_methods_that_are_equally_good_and_cheap_are_both_on_the_front() -> None:
    twin = [replace(trial, method="twin") for trial in SMALL]
    assert all(one.is_on_front for one in findings([*SMALL, *twin]).rows)


def test_several_methods_are_corrected_for_their_number() -> None:
    wrong, right = [False] * 12, [True] * 12
    found = findings(
        [
            *made("large-alone", wrong),
            *(replace(trial, method="a") for trial in made("small-alone", right)),
            *(replace(trial, method="b") for trial in made("small-alone", wrong)),
        ]
    )
    good, equal = row(found, "a"), row(found, "b")
    assert good.against is not None
    assert good.p_holm == pytest.approx(2 * good.against.p)
    assert equal.p_holm == 1.0


def test_without_the_baseline_the_rest_is_told() -> None:
    found = findings(SMALL)
    assert (found.baseline, row(found, "small-alone").against) == ("", None)
    assert "large-alone was not tried" in found.notes[0]


def test_any_method_or_setting_can_be_the_baseline() -> None:
    fewer = [replace(trial, method="cope", setting=Setting(samples=4)) for trial in LARGE]
    more = [replace(trial, method="cope", setting=Setting(samples=8)) for trial in LARGE]
    assert findings([*LARGE, *SMALL], "small-alone").baseline == "small-alone"
    found = findings([*LARGE, *fewer, *more], "cope:samples=4")
    assert found.baseline == "cope:samples=4"
    assert row(found, "cope:samples=8").against is not None


def test_a_method_is_compared_with_the_large_model_that_it_asks() -> None:
    other = [replace(trial, large="other", large_digest="cc", nusd=1, right=False) for trial in LARGE]
    cope = [replace(trial, method="cope", large="other", large_digest="cc", right=True) for trial in LARGE]
    against = row(findings([*LARGE, *other, *cope]), "cope").against
    assert against is not None
    assert against.won == 4


def test_a_label_says_what_is_unusual_and_no_two_are_equal() -> None:
    settings = [
        *(Setting(), Setting(samples=4), Setting(passed_on=False), Setting(thresholds=(1.0, 0.75))),
        *(Setting(temperature=0.5), Setting(samples=4, stage_1="none")),
    ]
    found = variants(replace(SMALL[0], method="cope", setting=setting) for setting in settings)
    assert {one.setting: one.label for one in found} == {
        settings[0]: "cope",
        settings[1]: "cope:samples=4",
        settings[2]: "cope:passed_on=no",
        settings[3]: "cope:thresholds=1/0.75",
        settings[4]: "cope:temperature=0.5",
        settings[5]: "cope:samples=4:stage_1=none",
    }


def test_models_are_told_apart_by_name_or_else_by_digest() -> None:
    renamed = [replace(trial, large="other", large_digest="cc") for trial in LARGE]
    trained = [replace(trial, large_digest="dd00dd00") for trial in LARGE]
    labels = [one.label for one in variants([*LARGE, *renamed])]
    assert labels == ["large-alone:large=nano-large", "large-alone:large=other"]
    labels = [one.label for one in variants([*LARGE, *trained])]
    assert labels == ["large-alone:large=nano-large bb22bb", "large-alone:large=nano-large dd00dd"]


def test_wordings_are_counted_apart() -> None:
    found = findings(trials(40))
    assert {one.wording for one in found.by_wording} == {"direct", "indirect"}
    halves = [one.accuracy for one in found.by_wording if one.label == "cope-checks"]
    assert sum(half.count for half in halves) == 40
    assert findings(LARGE).by_wording == ()


def test_a_task_that_was_tried_with_several_seeds_counts_once() -> None:
    found = findings(trials(30, seeds=(0, 1, 2)))
    large = row(found, "large-alone")
    assert large.accuracy.count == 30
    assert large.seeds == (0, 1, 2)
    assert any("several seeds" in note for note in found.notes)


def test_only_answers_with_a_confidence_are_judged() -> None:
    found = findings([trial for trial in trials(60) if trial.method in {"small-alone", "cope-consensus"}])
    (judged,) = found.judgements
    assert (judged.label, judged.estimator) == ("cope-consensus", "agreement")
    assert judged.calibration.count == sum(
        trial.confidence is not None for trial in trials(60) if trial.method == "cope-consensus"
    )


def test_an_answer_that_nobody_gave_is_not_judged() -> None:
    nobody = [replace(trial, stage=0, confidence=0.2, estimator="agreement") for trial in SMALL]
    assert findings(nobody).judgements == ()


def test_the_order_of_the_trials_does_not_matter() -> None:
    made = trials(80, seeds=(0, 1))
    mixed = random.Random(1).sample(made, len(made))
    assert findings(mixed) == findings(made)


def test_a_record_is_read_while_a_run_writes_it_and_left_as_it_is(tmp_path: Path) -> None:
    path, other = tmp_path / "run.jsonl", tmp_path / "other.jsonl"
    write(path, LARGE)
    write(other, SMALL)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"trial": {"task": "half')
    before = path.read_bytes()
    assert read_trials([path, other, path]) == [*LARGE, *SMALL]
    assert path.read_bytes() == before


def test_what_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    with pytest.raises(TaskFileError, match="notes"):
        read_trials([path])
    path.write_text("hello\n", "utf-8")
    with pytest.raises(TaskFileError, match="notes"):
        read_trials([path])
