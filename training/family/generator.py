"""The generator: an endless supply of small functions to write, each a function of split, seed and number."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from training.family import names, prose
from training.family.body import draw_body, names_in, needs_dates
from training.family.execution import Chain, is_sound
from training.family.operation import KINDS, OPERATIONS_DIR, Kind, Operation, OperationError, Step, load
from training.family.splits import belongs, split_of, wording_of
from training.family.suite import draw_suite
from training.family.task import FamilyTask, Part, Split

PREAMBLE = "from datetime import date, timedelta\n\n\n"
LENGTHS, LENGTH_WEIGHTS = (1, 2, 3), (45, 45, 10)
ATTEMPTS_MAX = 20_000
DATED: frozenset[Kind] = frozenset({"day", "days", "records"})
"""Types whose literals in tests need the preamble."""


@dataclass(frozen=True)
class Choices:
    """What a chain may be made of."""

    first: tuple[Operation, ...]
    """What it may begin with; two inputs are too few to test a function of a truth."""
    after: Mapping[Kind, tuple[Operation, ...]]
    """What may follow a step, by the type that it gives."""


def tasks(
    split: Split,
    count: int,
    seed: int,
    *,
    part: Part = "core",
    tests: bool = True,
    folder: Path = OPERATIONS_DIR,
) -> Iterator[FamilyTask]:
    """Yield `count` tasks of a split; the same arguments give the same tasks, in any process.

    The core is made of the common operations only. Training needs no tests: `tests=False` leaves both lists
    empty, changes nothing else, and is several times faster. `folder` holds the operations.

    Raises:
        OperationError: the files of operations cannot be used.
    """
    found = load(folder)
    table = choices(tuple(each for each in found if each.is_core) if part == "core" else found)
    for number in range(count):
        yield _task(split, f"{split}:{seed}:{number}", table, tests=tests)


@cache
def choices(operations: tuple[Operation, ...]) -> Choices:
    """Return the operations in the order in which chains are drawn."""
    first = tuple(operation for operation in operations if operation.takes != "truth")
    after = {kind: tuple(item for item in operations if item.takes == kind) for kind in KINDS}
    return Choices(first, after)


def compositions(operations: tuple[Operation, ...], length: int, split: Split) -> Iterator[tuple[str, ...]]:
    """Yield the names of every chain of a length that fits together and belongs to a split, sound or not."""
    table = choices(operations)
    for chain in _chains(table, table.first, length):
        found = tuple(operation.name for operation in chain)
        if split_of(found) in (None, split):
            yield found


def _chains(table: Choices, heads: Sequence[Operation], length: int) -> Iterator[tuple[Operation, ...]]:
    for head in heads:
        rest = _chains(table, table.after[head.gives], length - 1) if length > 1 else iter([()])
        yield from ((head, *tail) for tail in rest if head not in tail)


def _task(split: Split, task_id: str, table: Choices, *, tests: bool) -> FamilyTask:
    rng = random.Random(task_id)
    chain = _draw_chain(rng, table, split)
    said = [prose.draw_said(rng, step.operation, split) for step in chain]
    argument = names.draw_argument(rng, chain[0].operation.takes, names_in(chain))
    subject = names.noun_phrase(argument)
    phrase = prose.worded(chain, said, subject)
    body = draw_body(rng, chain, argument)
    name = names.draw_function(rng, chain, argument, phrase, names_in(chain) | {argument})
    task = FamilyTask(
        id=task_id,
        name=name,
        signature=f"def {name}({argument}):",
        preamble=PREAMBLE if _is_dated(chain, body) else "",
        docstring=prose.draw_docstring(rng, phrase, chain[-1].operation.gives),
        goal=prose.goal(chain, subject),
        guideline=prose.draw_guideline(rng, chain, split),
        body=body,
        visible_tests=(),
        hidden_tests=(),
        operations=tuple(step.operation.name for step in chain),
        wording=wording_of(chain, said),
    )
    return _with_tests(task, chain) if tests else task


def _with_tests(task: FamilyTask, chain: Chain) -> FamilyTask:
    """Return the task with its tests, from chance of their own, so that they change nothing else."""
    visible, hidden = draw_suite(random.Random(f"{task.id}:tests"), chain, task.name, task.function)
    return replace(task, visible_tests=visible, hidden_tests=hidden)


def _draw_chain(rng: random.Random, table: Choices, split: Split) -> Chain:
    """Draw a chain that belongs to the split and makes a fair task; its length is drawn once."""
    length = rng.choices(LENGTHS, LENGTH_WEIGHTS)[0]
    for _ in range(ATTEMPTS_MAX):
        chain = _draw_steps(rng, table, length)
        if len(chain) == length and belongs(chain, split) and is_sound(chain):
            return chain
    raise OperationError(f"No chain of {length} operations fits the {split} split; add more operations.")


def _draw_steps(rng: random.Random, table: Choices, length: int) -> Chain:
    chain: list[Step] = []
    following: Sequence[Operation] = table.first
    while following and len(chain) < length:
        operation = rng.choice(following)
        if any(step.operation is operation for step in chain):
            break
        chain.append(Step(operation, rng.choice(operation.parameters) if operation.parameters else None))
        following = table.after[operation.gives]
    return tuple(chain)


def _is_dated(chain: Chain, body: str) -> bool:
    kinds = {chain[0].operation.takes, chain[-1].operation.gives}
    return bool(kinds & DATED) or needs_dates(body)
