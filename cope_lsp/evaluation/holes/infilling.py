"""Holes of published tasks (HumanEval single-line infilling): programs run against their tests in a cage."""

from collections.abc import Sequence
from pathlib import Path

from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.errors import TaskFileError
from cope_lsp.evaluation import tasks
from cope_lsp.evaluation.holes.fill import Filler, Way
from cope_lsp.evaluation.holes.hole import Hole
from cope_lsp.evaluation.holes.scored import Record, Tell, scored
from cope_lsp.evaluation.score import score
from cope_lsp.evaluation.tasks import Task


def read(path: Path, limit: int | None = None) -> list[Task]:
    """Return the tasks of a file that are holes of one line; the first `limit` of them.

    Raises:
        TaskFileError: it holds none, or cannot be read.
    """
    found = [task for task in tasks.read(path) if task.kind == "infilling"][:limit]
    if not found:
        msg = f"{path} holds no tasks of infilling; it should be HumanEval-SingleLineInfilling.jsonl.gz"
        raise TaskFileError(msg)
    return found


def hole_of(task: Task) -> Hole:
    """Return the hole of a task, with the cursor where the benchmark has it: before the indentation."""
    uri = f"file:///{task.id.replace('/', '-')}.py"
    return Hole(task.id, "line", task.id, uri, task.name, task.context, f"\n{task.suffix}", task.reference)


async def run(found: Sequence[Task], filler: Filler, ways: Sequence[Way], record: Record, tell: Tell) -> None:
    """Fill and score what the record does not hold yet. Whoever cancels this finds all rows in the record.

    Raises:
        CopeError: the model or the sandbox cannot be used; nothing more is tried.
    """
    sandbox = Sandbox()
    try:
        await sandbox.probe()
        for number, task in enumerate(found, 1):
            await _task(task, filler, ways, record, sandbox)
            tell(number, 0)
    finally:
        await sandbox.close()


async def _task(task: Task, filler: Filler, ways: Sequence[Way], record: Record, sandbox: Sandbox) -> None:
    hole = hole_of(task)
    missing = [way for way in ways if record.get(hole, filler.label(way), filler.digest) is None]
    fillings = {way: await filler.fill(hole, way) for way in missing}
    texts = tuple(filling.text for filling in fillings.values() if filling.text is not None)
    scores = dict(zip(texts, await score(task, texts, sandbox), strict=True)) if texts else {}
    for way, filling in fillings.items():
        passed = filling.text is not None and scores[filling.text].hidden
        record.add(scored(hole, filler.label(way), filler.digest, filling, passed=passed))
