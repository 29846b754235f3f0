"""What is counted: numbers by day, language and model. No text of the user's, no name of a file."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Source = Literal["model", "cache", ""]
Kind = Literal["outcome", "kept", "latency", "silence"]

GROUPS_MAX = 200
"""Groups that may wait to be written; what comes beyond is counted under "other" names."""

LATENCY_BUCKETS = 30
BUCKETS_PER_DOUBLING = 2
"""Bucket n holds answers of up to 2 ** (n / 2) milliseconds; the last one holds all that took longer."""

_NAME = re.compile(r"[\w.+#@:/\- ]{1,60}")


@dataclass(frozen=True, slots=True)
class Group:
    """What an answer is counted under. The day is of UTC; `source` says whether the model was asked."""

    day: str
    language: str
    model: str
    source: Source


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was seen in a group.

    `value` is "shown" or an outcome; for "kept" it is "looked" (accepted texts that were looked at) or
    "permille" (the sum of what was left of them); a bucket of latencies; or a reason for silence.
    """

    group: Group
    kind: Kind
    value: str
    number: int


Waiting = Counter[tuple[Group, Kind, str]]


def group_of(language: str, model: str, source: Source = "") -> Group:
    """Return the group of an answer that is given now."""
    return Group(datetime.now(UTC).date().isoformat(), _named(language), _named(model), source)


def add(waiting: Waiting, group: Group, kind: Kind, value: str, number: int = 1) -> None:
    """Count something; the number of groups stays bounded, whatever an editor calls its languages."""
    key = (group, kind, value)
    if key not in waiting and len({each for each, _, _ in waiting} | {group}) > GROUPS_MAX:
        key = (Group(group.day, "other", "other", group.source), kind, value)
    waiting[key] += number


def bucket_of(seconds: float) -> int:
    """Return the bucket of an answer that took so long."""
    if seconds <= 0.001:
        return 0
    bucket = math.ceil(BUCKETS_PER_DOUBLING * math.log2(seconds * 1000))
    return min(bucket, LATENCY_BUCKETS - 1)


def quantile_s(buckets: dict[int, int], share: float) -> float | None:
    """Return the seconds within which a share of the answers came; None without any.

    Within a bucket the answers are taken to lie evenly on its logarithmic scale.
    """
    wanted, below = share * sum(buckets.values()), 0
    for bucket, number in sorted(buckets.items()):
        if number and below + number >= wanted:
            at = bucket - 1 + (wanted - below) / number
            return float(2 ** (at / BUCKETS_PER_DOUBLING)) / 1000
        below += number
    return None


def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else "other"
