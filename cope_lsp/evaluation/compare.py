"""Two runs side by side: what each method gained and lost on the tasks that both tried."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum

from cope_lsp.evaluation.findings import NUSD_PER_TASK
from cope_lsp.evaluation.measure import Difference, Rate, accuracy, holm, paired
from cope_lsp.evaluation.record import Setting, Trial
from cope_lsp.evaluation.variants import Variant, unusual, variants


@dataclass(frozen=True, slots=True)
class Change:
    """One method, before and after."""

    label: str
    before: Rate
    """On the tasks that both runs tried, as all that follows."""
    after: Rate
    difference: Difference
    """After less before."""
    p_holm: float
    """The p of that, as it counts among all methods."""
    usd_per_1000_before: float
    usd_per_1000_after: float
    gained: tuple[str, ...]
    """The ids of tasks that are solved more often now."""
    lost: tuple[str, ...]
    only_before: int
    """Tasks that only the earlier run tried, or that were changed since."""
    only_after: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs."""

    changes: tuple[Change, ...]
    not_compared: tuple[str, ...]
    """Methods that only one run tried, and which."""


def comparison(before: Sequence[Trial], after: Sequence[Trial]) -> Comparison:
    """Return what changed from one run to another.

    Methods are the same if they have the same name and setting, whatever the models are: so a new model is
    compared with an old one. Where a run tried one setting with several models, these must agree, too.
    """
    earlier, later = variants(before), variants(after)
    settings: dict[str, list[Setting]] = {}
    for variant in (*earlier, *later):
        settings.setdefault(variant.method, []).append(_plain(variant.setting))
    changes, matched = [], set()
    for variant in later:
        found = _match(variant, earlier, later)
        if found:
            matched |= {id(variant), id(found)}
            changes.append(_change(_label(variant, later, settings[variant.method]), found, variant))
    alone = [
        f"{variant.label}: {which}"
        for which, run in (("only before", earlier), ("only after", later))
        for variant in run
        if id(variant) not in matched
    ]
    return Comparison(tuple(_corrected(changes)), tuple(alone))


def _plain(setting: Setting) -> Setting:
    """Return what was chosen: a router is fitted anew to each pair of models."""
    return replace(setting, fitted="")


def _match(variant: Variant, earlier: Iterable[Variant], later: Iterable[Variant]) -> Variant | None:
    mine = [other for other in later if _is_same(other, variant)]
    theirs = [other for other in earlier if _is_same(other, variant)]
    if len(mine) > 1 or len(theirs) > 1:
        digests = (variant.small_digest, variant.large_digest)
        theirs = [other for other in theirs if (other.small_digest, other.large_digest) == digests]
    return theirs[0] if theirs else None


def _is_same(one: Variant, other: Variant) -> bool:
    return one.method == other.method and _plain(one.setting) == _plain(other.setting)


def _label(variant: Variant, later: Iterable[Variant], settings: Iterable[Setting]) -> str:
    if sum(_is_same(other, variant) for other in later) > 1:
        return variant.label
    said = unusual(_plain(variant.setting), list(dict.fromkeys(settings)))
    return f"{variant.method}:{said}" if said else variant.method


def _change(label: str, before: Variant, after: Variant) -> Change:
    names = {trial.digest: trial.task for trial in after.trials}
    shared = [digest for digest in after.scores if digest in before.scores]
    old, new = ([run.scores[digest] for digest in shared] for run in (before, after))
    pairs = list(zip(shared, old, new, strict=True))
    return Change(
        label=label,
        before=accuracy(old),
        after=accuracy(new),
        difference=paired(new, old),
        p_holm=1.0,
        usd_per_1000_before=_usd(before, shared),
        usd_per_1000_after=_usd(after, shared),
        gained=tuple(names[digest] for digest, was, now in pairs if now > was),
        lost=tuple(names[digest] for digest, was, now in pairs if now < was),
        only_before=len(before.scores.keys() - after.scores.keys()),
        only_after=len(after.scores.keys() - before.scores.keys()),
    )


def _usd(variant: Variant, shared: Sequence[str]) -> float:
    costs = variant.by_task(lambda trial: trial.nusd * NUSD_PER_TASK)
    return fsum(costs[digest] for digest in shared) / len(shared) if shared else 0.0


def _corrected(changes: Sequence[Change]) -> list[Change]:
    ps = holm([change.difference.p for change in changes])
    return [replace(change, p_holm=p) for change, p in zip(changes, ps, strict=True)]
