"""Variants: a method with one setting and one pair of models, its trials, and what tells it apart."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import fsum
from typing import Any

from cope_lsp.evaluation.record import Setting, Trial

DIGITS = 6
"""Of a digest, for people."""

Identity = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Variant:
    """What was tried in one way."""

    label: str
    """Its method, and whatever tells it apart from the others: different for each."""
    trials: tuple[Trial, ...]
    """Sorted by task and seed."""

    @property
    def method(self) -> str:
        """Return the name of the method."""
        return self.trials[0].method

    @property
    def setting(self) -> Setting:
        """Return what the method was run with."""
        return self.trials[0].setting

    @property
    def small(self) -> str:
        """Return the name of the small model; "" where none takes part."""
        return self.trials[0].small

    @property
    def large(self) -> str:
        """Return the name of the large model; "" where none takes part."""
        return self.trials[0].large

    @property
    def small_digest(self) -> str:
        """Return the digest of the small model."""
        return self.trials[0].small_digest

    @property
    def large_digest(self) -> str:
        """Return the digest of the large model."""
        return self.trials[0].large_digest

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models that take part, with a few digits of their digests."""
        named = ((self.small, self.small_digest), (self.large, self.large_digest))
        return tuple(_model(name, digest) for name, digest in named if name)

    @cached_property
    def scores(self) -> dict[str, float]:
        """Return for each task (by digest) the share of its trials that were right."""
        return self.by_task(lambda trial: float(trial.right))

    def by_task(self, number: Callable[[Trial], float]) -> dict[str, float]:
        """Return the mean of a number over the trials of each task."""
        groups: dict[str, list[float]] = {}
        for trial in self.trials:
            groups.setdefault(trial.digest, []).append(number(trial))
        return {digest: fsum(numbers) / len(numbers) for digest, numbers in groups.items()}

    def said(self, wording: str) -> "Variant":
        """Return the same with the tasks only that are said in one way; it may have none."""
        return replace(self, trials=tuple(trial for trial in self.trials if trial.wording == wording))


def variants(trials: Iterable[Trial]) -> list[Variant]:
    """Return the variants, sorted by method and setting; the order of the trials does not matter."""
    groups: dict[Identity, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.task, trial.digest, trial.seed)):
        groups.setdefault(_identity(trial), []).append(trial)
    firsts = [group[0] for _, group in sorted(groups.items())]
    return [Variant(_label(group[0], firsts), tuple(group)) for _, group in sorted(groups.items())]


def unusual(setting: Setting, settings: Sequence[Setting]) -> str:
    """Return what tells a setting apart from the others of its method, as `eval run` takes it.

    What more than half of them share goes without saying; "" for all of that.
    """
    said = []
    for name, value in asdict(setting).items():
        values = [getattr(other, name) for other in settings]
        is_usual = 2 * values.count(value) > len(values)
        if not is_usual:
            said.append(f"{name}={_said(value)}")
    return ":".join(said)


def _identity(trial: Trial) -> Identity:
    models = (trial.small, trial.small_digest, trial.large, trial.large_digest)
    return trial.method, repr(trial.setting), *models


def _label(trial: Trial, all_of_them: Sequence[Trial]) -> str:
    others = [other for other in all_of_them if other.method == trial.method]
    parts = [trial.method, unusual(trial.setting, _different(other.setting for other in others))]
    for role in ("small", "large"):
        used = {(getattr(other, role), getattr(other, f"{role}_digest")) for other in others}
        name, digest = getattr(trial, role), getattr(trial, f"{role}_digest")
        if name and len(used) > 1:
            is_name_enough = len({other for other, _ in used}) == len(used)
            parts.append(f"{role}={name if is_name_enough else _model(name, digest)}")
    return ":".join(part for part in parts if part)


def _different(settings: Iterable[Setting]) -> list[Setting]:
    return list(dict.fromkeys(settings))


def _model(name: str, digest: str) -> str:
    return f"{name} {digest[:DIGITS]}".strip()


def _said(value: Any) -> str:
    match value:
        case tuple():
            return "/".join(map(_said, value))
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    return str(value)
