"""Reports: the answers of journals as one small table, in the terminal, in Markdown, in JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from rich.table import Table

from cope_lsp.evaluation.journal import Attempt, Setting
from cope_lsp.evaluation.measure import Difference, Rate, mean, paired, pass_at_k, wilson

BASELINE = "no-plan"

MBPP_NOTE = (
    "MBPP: a model of one or two million parameters that was trained on a narrow diet is expected near zero "
    "here; the row says how far it is from a real one."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: an executor, a method, a way to draw."""

    executor: str
    planner: str
    method: str
    samples: int
    wording: str
    """The tasks that are said in this way only; "" for all."""
    pass_1: Rate
    """Of greedy drafts; of several samples, the mean chance of one."""
    pass_n: Rate | None
    """At least one of all samples is right; None for greedy ones."""
    checked: Rate | None
    """The first sample that passes the visible tests is right; None where no task has visible tests."""
    against_baseline: Difference | None
    """Greedy, on the same tasks, against the same executor without a plan."""
    tokens_per_task: float
    """That the executor wrote, in all samples together."""
    planner_tokens_per_task: float


def rows(attempts: Iterable[Attempt]) -> list[Row]:
    """Return a row for each setting, in the order of executors, ways to draw, and methods as they came."""
    settings: dict[Setting, list[Attempt]] = {}
    for attempt in attempts:
        settings.setdefault(attempt.setting, []).append(attempt)
    made = [_row(setting, found, settings) for setting, found in settings.items()]
    return sorted(made, key=lambda row: (row.executor, row.samples))


def rows_by_wording(attempts: Sequence[Attempt]) -> list[Row]:
    """Return the rows for each way in which tasks are said, one after the other."""
    wordings = sorted({attempt.wording for attempt in attempts})
    return [
        replace(row, wording=wording)
        for wording in wordings
        for row in rows(attempt for attempt in attempts if attempt.wording == wording)
    ]


def as_table(found: Sequence[Row], title: str) -> Table:
    """Return the rows for a terminal."""
    table = Table(title=title)
    for head in _HEADS:
        table.add_column(head, justify="left" if head in _HEADS[:4] else "right")
    for row in found:
        table.add_row(*_cells(row))
    return table


def as_markdown(found: Sequence[Row], title: str, note: str = "") -> str:
    """Return the rows as a Markdown table."""
    marks = ["---" if head in _HEADS[:4] else "---:" for head in _HEADS]
    lines = [_HEADS, tuple(marks), *(_cells(row) for row in found)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"### {title}\n\n{table}\n" + (f"\n{note}\n" if note else "")


def as_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain values; shares lie between 0 and 1."""
    return [asdict(row) for row in found]


def note_for(attempts: Iterable[Attempt]) -> str:
    """Return what a reader must know of these tasks."""
    return MBPP_NOTE if any(attempt.task.startswith("mbpp:") for attempt in attempts) else ""


_HEADS = (
    *("executor", "method", "planner", "wording", "tasks", "drafts"),
    *("pass@1 %", "pass@n %", "checked %", "against no plan", "tokens/task"),
)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.executor,
        row.method,
        row.planner or "-",
        row.wording or "all",
        str(row.pass_1.count),
        "greedy" if row.samples == 1 else str(row.samples),
        _percent(row.pass_1),
        _percent(row.pass_n),
        _percent(row.checked),
        _points(row.against_baseline),
        f"{row.tokens_per_task:.0f}",
    )


def _percent(rate: Rate | None) -> str:
    return "-" if rate is None else f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _points(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.1f} [{low:+.1f}, {high:+.1f}], p {difference.p:.2g}"


def _row(setting: Setting, attempts: Sequence[Attempt], settings: dict[Setting, list[Attempt]]) -> Row:
    samples = setting.draw.samples
    right = [sum(score.hidden for score in attempt.scores) for attempt in attempts]
    at_1 = [pass_at_k(samples, count, 1) for count in right]
    return Row(
        executor=attempts[0].executor_name,
        planner=attempts[0].planner_name,
        method=setting.method,
        samples=samples,
        wording="",
        pass_1=wilson(sum(right), len(right)) if samples == 1 else mean(at_1),
        pass_n=None if samples == 1 else wilson(sum(count > 0 for count in right), len(right)),
        checked=_checked(attempts) if samples > 1 else None,
        against_baseline=_against_baseline(setting, attempts, settings),
        tokens_per_task=fmean(attempt.drafted.executor_tokens for attempt in attempts),
        planner_tokens_per_task=fmean(attempt.drafted.planner_tokens for attempt in attempts),
    )


def _checked(attempts: Sequence[Attempt]) -> Rate:
    """What a person would get who takes the first sample that passes the tests that may be seen."""
    chosen = [next((s for s in attempt.scores if s.visible), None) for attempt in attempts]
    return wilson(sum(score is not None and score.hidden for score in chosen), len(chosen))


def _against_baseline(
    setting: Setting, attempts: Sequence[Attempt], settings: dict[Setting, list[Attempt]]
) -> Difference | None:
    baseline = settings.get(Setting(BASELINE, setting.executor, "", setting.draw))
    if setting.draw.samples > 1 or setting.method == BASELINE or not baseline:
        return None
    before = {attempt.digest: attempt.scores[0].hidden for attempt in baseline}
    both = [
        (attempt.scores[0].hidden, before[attempt.digest]) for attempt in attempts if attempt.digest in before
    ]
    return paired([one for one, _ in both], [other for _, other in both])
