"""The prompt router: foretells from the text of a task whether the small model can do it.

"RouteLLM: Learning to Route LLMs with Preference Data" (Ong et al. 2024), in the small: a logistic regression
on the words of the task, fitted to what the small model did alone on other tasks. It is fitted twice, each
time to one half of the tasks, and foretells the other half: no task is ever foretold by what is known of
itself. What it is fitted to are the hidden tests of the other half, which is more than a user has who routes
real requests; it is a strong router of its simple kind, and no match for one that learned from many thousand
preferences.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from cope_lsp.evaluation.tasks import Task

BUCKETS = 4_096
PASSES = 30
RATE = 0.2
DECAY = 1e-3
"""Of the weights, in each step: a word that was seen once must not decide."""

_WORD = re.compile(r"[A-Za-z]+|\d+")

Features = tuple[tuple[int, float], ...]


def foretold(tasks: Sequence[Task], right: Mapping[str, bool]) -> dict[str, float]:
    """Return for each task, by its digest, how likely the small model is right alone.

    Args:
        tasks: all of them.
        right: by the digests of the tasks, whether it was.
    """
    halves: tuple[list[Task], list[Task]] = ([], [])
    for task in tasks:
        halves[int(task.asked, 16) % 2].append(task)  # tasks that say the same are on one side
    found: dict[str, float] = {}
    for learned, judged in (halves, halves[::-1]):
        weights = _fitted([(features(task), right[task.digest]) for task in learned])
        found |= {task.digest: _chance(weights, features(task)) for task in judged}
    return found


def fitted_to(tasks: Sequence[Task], right: Mapping[str, bool]) -> str:
    """Return a digest of all that `foretold` learns from."""
    known = sorted((task.digest, right[task.digest]) for task in tasks)
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def features(task: Task) -> Features:
    """Return the words and pairs of words of a task, each in a bucket, and its length, with their weights."""
    words = [word.lower() for word in _WORD.findall(f"{task.signature} {task.docstring}")]
    terms = dict.fromkeys([*words, *(f"{one} {other}" for one, other in pairwise(words))])
    share = 1 / math.sqrt(len(terms) or 1)
    return ((0, 1.0), (1, math.log1p(len(words)) / 4), *((_bucket(term), share) for term in terms))


def _bucket(term: str) -> int:
    return 2 + int.from_bytes(hashlib.sha256(term.encode()).digest()[:4]) % BUCKETS


def _fitted(examples: Sequence[tuple[Features, bool]]) -> list[float]:
    """Return weights by stochastic gradient descent, in the order of the examples: the same every time."""
    weights = [0.0] * (BUCKETS + 2)
    for number in range(PASSES):
        rate = RATE / (1 + number / 10)
        for found, is_right in examples:
            error = float(is_right) - _chance(weights, found)
            for place, value in found:
                weights[place] += rate * (error * value - (DECAY * weights[place] if place else 0.0))
    return weights


def _chance(weights: Sequence[float], found: Features) -> float:
    total = sum(weights[place] * value for place, value in found)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
