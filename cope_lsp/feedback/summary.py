"""What the counts say: rates by day, language and model, waiting times, and why nothing appeared."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cope_lsp.feedback.counts import Count, Group, quantile_s


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the suggestions of one day, language or model, named `name`."""

    name: str
    shown: int
    accepted: int
    partly: int
    typed: int
    rejected: int
    rate: float | None
    """Accepted, whole or in part, of what was shown; None when nothing was."""
    kept: float | None
    """How much of what was accepted was still there half a minute later; None when none was looked at."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long suggestions took that came from a source, "model" or "cache"."""

    name: str
    answers: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Summary:
    """All that was counted within some days, today the last of them."""

    total: Figures
    days: tuple[Figures, ...]
    """One for each day, oldest first, also for those on which nothing was shown."""
    languages: tuple[Figures, ...]
    models: tuple[Figures, ...]
    delays: tuple[Delays, ...]
    silences: tuple[tuple[str, int], ...]
    """Reasons, the most frequent first."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was counted."""
        return not (self.total.shown or self.delays or self.silences)


def summarized(counts: Iterable[Count], days: int, today: date | None = None) -> Summary:
    """Return the summary of the counts of the last `days` days (UTC)."""
    known, last = list(counts), today or datetime.now(UTC).date()
    dates = [(last - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    by_day = _by(known, lambda group: group.day)
    return Summary(
        total=_figures("", known),
        days=tuple(_figures(day, by_day.get(day, ())) for day in dates),
        languages=_most_shown_first(_by(known, lambda group: group.language)),
        models=_most_shown_first(_by(known, lambda group: group.model)),
        delays=tuple(_delays(known)),
        silences=tuple(_sums(known, "silence").most_common()),
    )


def _by(counts: list[Count], name_of: Callable[[Group], str]) -> dict[str, list[Count]]:
    found: dict[str, list[Count]] = defaultdict(list)
    for count in counts:
        found[name_of(count.group)].append(count)
    return found


def _most_shown_first(named: dict[str, list[Count]]) -> tuple[Figures, ...]:
    rows = (_figures(name, counts) for name, counts in named.items())
    return tuple(sorted((row for row in rows if row.shown), key=lambda row: -row.shown))


def _figures(name: str, counts: Iterable[Count]) -> Figures:
    counts = list(counts)
    outcomes, kept = _sums(counts, "outcome"), _sums(counts, "kept")
    shown, accepted, partly = (outcomes[value] for value in ("shown", "accepted", "partly"))
    return Figures(
        name,
        shown,
        accepted,
        partly,
        outcomes["typed"],
        outcomes["rejected"],
        rate=(accepted + partly) / shown if shown else None,
        kept=kept["permille"] / kept["looked"] / 1000 if kept["looked"] else None,
    )


def _sums(counts: Iterable[Count], kind: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for count in counts:
        if count.kind == kind:
            sums[count.value] += count.number
    return sums


def _delays(counts: list[Count]) -> Iterable[Delays]:
    for source in ("model", "cache"):
        sums = _sums((count for count in counts if count.group.source == source), "latency")
        buckets = {int(value): number for value, number in sums.items()}
        p50, p95 = quantile_s(buckets, 0.5), quantile_s(buckets, 0.95)
        if p50 is not None and p95 is not None:
            yield Delays(source, sum(buckets.values()), p50, p95)
