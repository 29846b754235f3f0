"""Findings: what trials say of the methods that were tried, as numbers with their intervals.

Equal trials give equal findings, in whatever order they were made. Nothing here knows a clock.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from cope_lsp.evaluation.calibration import Calibration, calibration
from cope_lsp.evaluation.lines import Lines
from cope_lsp.evaluation.measure import (
    Difference,
    Estimate,
    Rate,
    accuracy,
    amount,
    holm,
    paired,
    quantile,
    ratio,
    wilson,
)
from cope_lsp.evaluation.record import Setting, Trial, TrialKey
from cope_lsp.evaluation.variants import Variant, variants

BASELINE = "large-alone"
NUSD_PER_TASK = 1e-6
"""Nano-USD of one task in USD of a thousand."""

STAGES = (1, 2, 3, 0)
"""In the order in which a reader wants them; 0 is nobody."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What was read and written for one task, in the mean."""

    small_in: float
    small_out: float
    large_in: float
    large_out: float


@dataclass(frozen=True, slots=True)
class StageShare:
    """The tasks that were answered in one stage."""

    stage: int
    """0: nobody answered."""
    share: float
    right: Rate


@dataclass(frozen=True, slots=True)
class Row:
    """One method with its setting and its models."""

    label: str
    method: str
    setting: Setting
    small: str
    large: str
    wording: str
    """The tasks that are said in this way only; "" for all."""
    seeds: tuple[int, ...]
    accuracy: Rate
    """Over tasks; one that was tried with several seeds counts once."""
    usd_per_1000: Estimate
    """Of a thousand tasks, by the prices that were paid."""
    relative_cost: Estimate | None
    """To the baseline, on the same tasks; None where there is none, or where it is free."""
    seconds_median: float
    seconds_p95: float
    accepted: Rate
    """Trials in which something spoke for the answer."""
    stages: tuple[StageShare, ...]
    tokens: Tokens
    is_baseline: bool
    is_on_front: bool
    """No other method is as good and cheaper, or as cheap and better."""
    against: Difference | None
    """To the baseline, on the same tasks; None for the baseline itself, and where there is none."""
    p_holm: float | None
    """The p of that, as it counts among all methods of the table."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one estimator is worth in one method."""

    label: str
    estimator: str
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class _TrialRow:
    """Of a row of a record what a report needs: calls are many, and are not looked at."""

    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report says of trials."""

    tasks: int
    trials: int
    models: tuple[str, ...]
    """Names with the first digits of their digests."""
    baseline: str
    """The label that the first method is compared with; "" where that method was not tried."""
    rows: tuple[Row, ...]
    """The cheapest first."""
    by_wording: tuple[Row, ...]
    """Empty where all tasks are said in one way."""
    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...]
    """What a reader must know before believing a table."""


def read_trials(paths: Iterable[Path]) -> list[Trial]:
    """Return the trials of some files, each once; of two with the same key the later one counts.

    The files are not touched: a run may still be writing into them.

    Raises:
        TaskFileError: a file cannot be read, or a line is none of ours.
    """
    found: dict[TrialKey, Trial] = {}
    for path in paths:
        for row in Lines(path, _TrialRow).peek():
            if row.trial:
                found[row.trial.key] = row.trial
    return list(found.values())


def findings(trials: Sequence[Trial], baseline: str = BASELINE) -> Findings:
    """Return what trials say.

    Args:
        trials: of any methods, in any order.
        baseline: the method, or the label of one of its settings, that the others are compared with.
    """
    found = variants(trials)
    rows = _rows(found, baseline)
    wordings = sorted({trial.wording for trial in trials})
    by_wording = [row for wording in wordings for row in _rows(found, baseline, wording)]
    judgements = [judgement for row in rows for judgement in _judgements(_labelled(found, row.label))]
    return Findings(
        tasks=len({trial.digest for trial in trials}),
        trials=len(trials),
        models=tuple(sorted({name for variant in found for name in variant.models})),
        baseline=next((row.label for row in rows if row.is_baseline), ""),
        rows=tuple(rows),
        by_wording=tuple(by_wording) if len(wordings) > 1 else (),
        judgements=tuple(judgements),
        notes=tuple(_notes(found, rows, baseline)),
    )


def _rows(found: Sequence[Variant], baseline: str, wording: str = "") -> list[Row]:
    """Return the rows of the tasks that are said in one way, or of all."""
    chosen = [variant.said(wording) for variant in found] if wording else list(found)
    chosen = [variant for variant in chosen if variant.trials]
    rows = [_row(variant, _baseline_of(variant, chosen, baseline), wording) for variant in chosen]
    return _ranked(_corrected(rows))


def _baseline_of(variant: Variant, found: Sequence[Variant], baseline: str) -> Variant | None:
    """Return what a variant is compared with: the baseline at its plainest, with the same models if tried."""
    named = [other for other in found if other.label == baseline]
    if named:
        return named[0]
    candidates = [other for other in found if other.method == baseline]

    def distance(other: Variant) -> tuple[bool, bool, int, int, str]:
        strangers = (other.large_digest != variant.large_digest, other.small_digest != variant.small_digest)
        return *strangers, other.setting.tries, other.setting.tests, other.label

    return min(candidates, key=distance, default=None)


def _row(variant: Variant, baseline: Variant | None, wording: str) -> Row:
    trials = variant.trials
    is_baseline = baseline is not None and baseline.label == variant.label
    costs = variant.by_task(lambda trial: trial.nusd * NUSD_PER_TASK)
    return Row(
        label=variant.label,
        method=variant.method,
        setting=variant.setting,
        small=variant.small,
        large=variant.large,
        wording=wording,
        seeds=tuple(sorted({trial.seed for trial in trials})),
        accuracy=accuracy(list(variant.scores.values())),
        usd_per_1000=amount(list(costs.values())),
        relative_cost=_relative_cost(variant, baseline),
        seconds_median=quantile([trial.seconds for trial in trials], 0.5),
        seconds_p95=quantile([trial.seconds for trial in trials], 0.95),
        accepted=wilson(sum(trial.accepted for trial in trials), len(trials)),
        stages=tuple(_stages(trials)),
        tokens=_tokens(trials),
        is_baseline=is_baseline,
        is_on_front=False,
        against=None if baseline is None or is_baseline else _against(variant, baseline),
        p_holm=None,
    )


def _stages(trials: Sequence[Trial]) -> Iterable[StageShare]:
    for stage in STAGES:
        rights = [trial.right for trial in trials if trial.stage == stage]
        yield StageShare(stage, len(rights) / len(trials), wilson(sum(rights), len(rights)))


def _tokens(trials: Sequence[Trial]) -> Tokens:
    def mean(count: Callable[[Trial], int]) -> float:
        return sum(map(count, trials)) / len(trials)

    return Tokens(
        mean(lambda trial: trial.tokens_in_small),
        mean(lambda trial: trial.tokens_out_small),
        mean(lambda trial: trial.tokens_in_large),
        mean(lambda trial: trial.tokens_out_large),
    )


def _against(variant: Variant, baseline: Variant) -> Difference:
    shared = [digest for digest in variant.scores if digest in baseline.scores]
    return paired(
        [variant.scores[digest] for digest in shared], [baseline.scores[digest] for digest in shared]
    )


def _relative_cost(variant: Variant, baseline: Variant | None) -> Estimate | None:
    if baseline is None:
        return None
    mine, theirs = (each.by_task(lambda trial: float(trial.nusd)) for each in (variant, baseline))
    shared = [digest for digest in mine if digest in theirs]
    return ratio([mine[digest] for digest in shared], [theirs[digest] for digest in shared])


def _corrected(rows: Sequence[Row]) -> list[Row]:
    compared = [row for row in rows if row.against]
    ps = holm([row.against.p for row in compared if row.against])
    corrected = {row.label: p for row, p in zip(compared, ps, strict=True)}
    return [replace(row, p_holm=corrected.get(row.label)) for row in rows]


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows from the cheapest to the dearest, those marked that nobody beats."""
    ordered = sorted(rows, key=lambda row: (row.usd_per_1000.value, -row.accuracy.value, row.label))
    return [replace(row, is_on_front=not any(_beats(other, row) for other in rows)) for row in ordered]


def _beats(one: Row, other: Row) -> bool:
    mine = (one.usd_per_1000.value, -one.accuracy.value)
    theirs = (other.usd_per_1000.value, -other.accuracy.value)
    return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]


def _labelled(found: Sequence[Variant], label: str) -> Variant:
    return next(variant for variant in found if variant.label == label)


def _judgements(variant: Variant) -> Iterable[Judgement]:
    judged = sorted(
        (trial.estimator, trial.confidence, trial.right)
        for trial in variant.trials
        if trial.confidence is not None and trial.estimator and trial.stage
    )
    for estimator, group in groupby(judged, key=lambda one: one[0]):
        yield Judgement(
            variant.label, estimator, calibration([(confidence, right) for _, confidence, right in group])
        )


def _notes(found: Sequence[Variant], rows: Sequence[Row], baseline: str) -> Iterable[str]:
    if found and not any(row.is_baseline for row in rows):
        yield f"{baseline} was not tried, so nothing is compared with it"
    most = max((len(variant.scores) for variant in found), default=0)
    short = [f"{row.label} ({row.accuracy.count})" for row in rows if row.accuracy.count < most]
    if short:
        tried = ", ".join(short)
        yield f"not all methods were tried on all {most} tasks: {tried}; only differences are on shared tasks"
    if any(len(row.seeds) > 1 for row in rows):
        yield "with several seeds a task counts once, with the mean of its tries"
