"""Tables of findings: in the terminal, in Markdown, in JSON. Equal findings give equal bytes."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import floor, log10
from typing import Any

from rich.markup import escape
from rich.table import Table as RichTable

from cope_lsp.evaluation.calibration import Calibration
from cope_lsp.evaluation.compare import Comparison
from cope_lsp.evaluation.findings import Findings, Judgement, Row
from cope_lsp.evaluation.measure import Difference, Estimate, Rate

TASKS_NAMED_MAX = 20
"""Of those that a method gained or lost; JSON has all."""

LEVELS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Of confidence. JSON has all that occur."""


@dataclass(frozen=True, slots=True)
class Table:
    """Text in cells; the first `words` columns hold words, the others numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: int = 1


def tables(found: Findings) -> list[Table]:
    """Return the tables of a run, without those that would be empty."""
    made = [
        _accuracy_table(found),
        _difference_table(found),
        _stage_table(found.rows),
        _token_table(found.rows),
        _wording_table(found.by_wording),
        _calibration_table(found.judgements),
        _taken_table(found.judgements),
    ]
    return [table for table in made if table.rows]


def comparison_tables(found: Comparison) -> list[Table]:
    """Return the tables of two runs, without those that would be empty."""
    changes = Table(
        "Against the other run, on the tasks that both tried",
        (
            *("method", "tasks", "before %", "after %", "points"),
            *("gained", "lost", "p", "p (Holm)", "USD/1,000 before", "after"),
        ),
        tuple(
            (
                change.label,
                f"{change.difference.count}",
                rate(change.before),
                rate(change.after),
                points(change.difference),
                f"{change.difference.won}",
                f"{change.difference.lost}",
                _p(change.difference.p),
                _p(change.p_holm),
                _usd(change.usd_per_1000_before),
                _usd(change.usd_per_1000_after),
            )
            for change in found.changes
        ),
        _sentences(
            [
                *(
                    f"{change.label}: {change.only_before} tasks were tried before only, "
                    f"{change.only_after} after only"
                    for change in found.changes
                    if change.only_before or change.only_after
                ),
                *found.not_compared,
            ]
        ),
    )
    tasks = Table(
        "Tasks gained and lost",
        ("method", "what", "tasks"),
        tuple(
            (change.label, what, _names(names))
            for change in found.changes
            for what, names in (("gained", change.gained), ("lost", change.lost))
            if names
        ),
        words=3,
    )
    return [table for table in (changes, tasks) if table.rows or table.note]


def for_terminal(table: Table) -> RichTable:
    """Return a table for a terminal."""
    made = RichTable(title=escape(table.title), caption=escape(table.note), caption_justify="left")
    for index, head in enumerate(table.heads):
        made.add_column(escape(head), justify="left" if index < table.words else "right")
    for row in table.rows:
        made.add_row(*map(escape, row))
    return made


def as_markdown(made: Iterable[Table]) -> str:
    """Return tables as Markdown."""
    return "\n".join(map(_markdown, made))


def as_json(found: Findings, compared: Comparison | None = None) -> str:
    """Return findings as one JSON document; shares lie between 0 and 1, differences between -1 and 1."""
    document = asdict(found)
    if compared:
        document["comparison"] = asdict(compared)
    return json.dumps(_rounded(document), indent=2, allow_nan=False) + "\n"


def _markdown(table: Table) -> str:
    marks = tuple("---" if index < table.words else "---:" for index in range(len(table.heads)))
    cells = (table.heads, marks, *table.rows)
    lines = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells)
    return f"### {table.title}\n\n{lines}\n" + (f"\n{table.note}\n" if table.note else "")


def _rounded(value: Any) -> Any:
    """Return the value with numbers of six digits: no more is known, and last bits tell machines apart."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _accuracy_table(found: Findings) -> Table:
    models = f"models: {', '.join(found.models)}" if found.models else ""
    front = "* nothing is better at that cost or cheaper at that accuracy" if found.rows else ""
    return Table(
        "Accuracy and cost, with 95 % intervals",
        ("method", "tasks", "accuracy %", "USD/1,000 tasks", f"% of {found.baseline or 'baseline'}"),
        tuple(
            (
                f"{row.label} *" if row.is_on_front else row.label,
                f"{row.accuracy.count}",
                rate(row.accuracy),
                _estimate(row.usd_per_1000, _usd),
                _estimate(row.relative_cost, _percent),
            )
            for row in found.rows
        ),
        _sentences([front, models, *found.notes]),
    )


def _difference_table(found: Findings) -> Table:
    return Table(
        f"Against {found.baseline}, task by task",
        ("method", "tasks", "points", "won", "lost", "p", "p (Holm)"),
        tuple(
            (
                row.label,
                f"{row.against.count}",
                points(row.against),
                f"{row.against.won}",
                f"{row.against.lost}",
                _p(row.against.p),
                _p(row.p_holm),
            )
            for row in found.rows
            if row.against
        ),
        "p: McNemar's exact test; (Holm): corrected for the number of methods; [..]: bootstrap over tasks",
    )


def _stage_table(rows: Sequence[Row]) -> Table:
    heads = ("stage 1", "stage 2", "stage 3", "nobody")
    return Table(
        "Who answered, % of tasks (% of these right), and how long it took",
        ("method", *heads, "accepted %", "median s", "p95 s"),
        tuple(
            (
                row.label,
                *(
                    f"{_percent(one.share)} ({_percent(one.right.value)})" if one.right.count else "-"
                    for one in row.stages
                ),
                _percent(row.accepted.value),
                f"{row.seconds_median:.2f}",
                f"{row.seconds_p95:.2f}",
            )
            for row in rows
        ),
        "stage 1: the small model; 2: the small one under a plan of the large one; 3: the large one; "
        "time: of the models, by the record",
    )


def _token_table(rows: Sequence[Row]) -> Table:
    return Table(
        "Tokens for a task",
        ("method", "small, read", "small, written", "large, read", "large, written"),
        tuple((row.label, *(f"{number:,.0f}" for number in asdict(row.tokens).values())) for row in rows),
    )


def _wording_table(rows: Sequence[Row]) -> Table:
    return Table(
        "By wording",
        ("wording", "method", "tasks", "accuracy %", "USD/1,000 tasks", "points", "p (Holm)"),
        tuple(
            (
                row.wording,
                row.label,
                f"{row.accuracy.count}",
                rate(row.accuracy),
                _usd(row.usd_per_1000.value),
                points(row.against),
                _p(row.p_holm),
            )
            for row in rows
        ),
        words=2,
    )


def _calibration_table(judgements: Sequence[Judgement]) -> Table:
    return Table(
        "Calibration: how sure a method was, and how often it was right",
        ("method", "evidence", "answers", "confidence %", "right %", "error %", "by chance %", "p"),
        tuple((one.label, one.estimator, *_calibration_cells(one.calibration)) for one in judgements),
        "error: expected calibration error in ten bins; by chance: that of an estimator without fault; "
        "p: how likely such a one shows as much",
        words=2,
    )


def _calibration_cells(found: Calibration) -> Iterator[str]:
    yield f"{found.count}"
    yield _percent(found.confidence)
    yield rate(found.right)
    yield _estimate(found.error, _percent)
    yield _percent(found.by_chance)
    yield _p(found.p)


def _taken_table(judgements: Sequence[Judgement]) -> Table:
    return Table(
        "Right among the answers with at least some confidence",
        ("method", "evidence", *(f"from {100 * level:g} %" for level in LEVELS)),
        tuple(
            (one.label, one.estimator, *(_taken(one.calibration, level) for level in LEVELS))
            for one in judgements
        ),
        "% right (% of the answers)",
        words=2,
    )


def _taken(found: Calibration, level: float) -> str:
    """Return what comes of the answers with at least that confidence."""
    taken = next((taken for taken in found.taken if taken.confidence >= level - 1e-9), None)
    return f"{_percent(taken.right.value)} ({_percent(taken.share)})" if taken else "-"


def rate(found: Rate) -> str:
    """Return a share in percent, with its interval."""
    return f"{_percent(found.value)} [{_percent(found.low)}, {_percent(found.high)}]" if found.count else "-"


def _estimate(found: Estimate | None, said: Any) -> str:
    return f"{said(found.value)} [{said(found.low)}, {said(found.high)}]" if found else "-"


def points(difference: Difference | None) -> str:
    """Return a difference in points of percent, with its interval."""
    if difference is None:
        return "-"
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _usd(amount: float) -> str:
    """Return an amount with at least three digits that count, and never with an exponent."""
    places = 2 if amount >= 10 or amount == 0 else max(3, 2 - floor(log10(amount)))
    return f"{amount:.{min(places, 9)}f}"


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _names(names: Sequence[str]) -> str:
    more = len(names) - TASKS_NAMED_MAX
    return ", ".join(names[:TASKS_NAMED_MAX]) + (f", and {more} more" if more > 0 else "")


def _sentences(said: Iterable[str]) -> str:
    return "; ".join(sentence for sentence in said if sentence)
