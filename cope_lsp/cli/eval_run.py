"""`cope-lsp eval run`: methods beside each other on the same tasks, with models of one's own."""

import argparse
import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cope_lsp.cli.money import amount_nusd
from cope_lsp.config import Config
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.errors import CopeError
from cope_lsp.evaluation import tasks
from cope_lsp.evaluation.lines import Lines
from cope_lsp.evaluation.record import Conditions, Record, Row, Trial
from cope_lsp.evaluation.tasks import Task
from cope_lsp.evaluation.trials import conditions
from cope_lsp.evaluation.trials.bench import BenchSettings, rates_of
from cope_lsp.evaluation.trials.cluster import Cluster
from cope_lsp.evaluation.trials.entries import GROUPS, entries
from cope_lsp.evaluation.trials.methods import METHODS
from cope_lsp.evaluation.trials.pool import Pool
from cope_lsp.evaluation.trials.run import Programme, taken
from cope_lsp.evaluation.trials.tape import Identity
from cope_lsp.evaluation.trials.worker import PAID
from cope_lsp.ledger.prices import PriceGap, PriceTable, Rates
from cope_lsp.models import catalog

HOSTED = "hosted"
_INTERRUPTED = 130
DESCRIPTION = (
    "Run methods on the same tasks under the same seed, and keep every call and every trial in FILE. A run "
    "that is stopped goes on where it was, and a call that is in FILE is not made again. "
    f"Methods: {', '.join(METHODS)}; groups: {', '.join(GROUPS)}. A setting follows its method, as in "
    "cope-checks:samples=4:thresholds=0.75/0.5."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `eval run` takes."""
    parser.set_defaults(act=run)
    add = parser.add_argument
    add("tasks", type=Path, metavar="TASKS", help="MBPP, HumanEval or JSON lines")
    add("--out", type=Path, required=True, metavar="FILE", help="the record; a later run goes on there")
    add("--method", required=True, metavar="NAME[,NAME...]", help="which methods")
    add("--small", type=Path, metavar="GGUF", help="the small model; default: the configured one")
    add(
        "--large",
        metavar="GGUF",
        help="a file that plays the hosted model on loopback, or the word hosted: the configured one, with "
        "its consent, key and budget as always; default: the file of the demo",
    )
    add("--seed", type=int, default=0, metavar="S", help="of all drafts (0)")
    add("--limit", type=_count, metavar="N", help="the first N tasks only")
    add(
        "--visible",
        type=int,
        choices=(1, 2, 3),
        metavar="N",
        help="where a task shows no tests, show checks its first N, which then do not score",
    )
    add("--jobs", type=_count, default=1, metavar="N", help="processes, each with its own models (1)")
    add("--ray", metavar="ADDRESS", help="spread the tasks over this Ray cluster instead")
    add("--gpu-layers", type=int, default=0, metavar="N", help="as model.gpu_layers, for both files")
    add(
        "--budget", type=amount_nusd, metavar="USD", help="a hard limit for the run; --large hosted needs one"
    )
    add("--price-in", type=Decimal, metavar="USD", help="of a stand-in, per million tokens")
    add("--price-out", type=Decimal, metavar="USD", help="default: as the configured hosted model")
    add(
        "--calls",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="take the calls of that record",
    )
    add("--replay-only", action="store_true", help="ask no model; say which calls are missing")


def run(arguments: argparse.Namespace, config: Config) -> int:
    """Run what is missing; 130 after Ctrl-C."""
    # Absolute, since it holds the homes of benches: a relative home is taken for none, and then the user's
    # own ledger would be written.
    folder = arguments.out.absolute().with_name(f"{arguments.out.name}.run")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            return _run(arguments, config, folder)
    except Timeout as error:
        msg = f"another run is writing {arguments.out}; wait for it, or choose another --out"
        raise CopeError(msg) from error


def _run(arguments: argparse.Namespace, config: Config, folder: Path) -> int:
    record = Record.open(arguments.out)
    named = tuple(entries(arguments.method))
    asks_large = any(METHODS[name].uses_large for name, _ in named)
    others = [_peeked(path) for path in arguments.calls]
    settings = _settings(arguments, config, (record, *others), asks_large=asks_large)
    settings = replace(settings, purse=str(folder / "ledger"))
    now = Conditions(conditions.code(), settings.stand_in_rates)
    conditions.hold(record, now)
    for other in others:
        conditions.take_calls(record, other, now)
    for paid in folder.glob(f"home-*/{PAID}"):  # the run before may have been killed before it heard of them
        for row in Lines(paid, Row).read():
            record.add(row)
        paid.unlink()
    programme = Programme(_tasks(arguments), named, arguments.seed, settings)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("trials", total=programme.missing(record))
        made = count()

        def done(trial: Trial) -> None:
            next(made)
            progress.update(bar, advance=1, description=trial.method)

        place = _place(arguments, settings, folder, record, done)
        began = time.monotonic()
        try:
            asyncio.run(programme.run(record, place.run))
        except KeyboardInterrupt:
            print("stopped; what was done is kept, and the same command goes on from there", file=sys.stderr)
            return _INTERRUPTED
    print(place.spent.told(next(made), time.monotonic() - began), file=sys.stderr)
    return 0


def _place(
    arguments: argparse.Namespace,
    settings: BenchSettings,
    folder: Path,
    record: Record,
    done: Callable[[Trial], None],
) -> Pool | Cluster:
    """Return where units are run."""
    take = taken(record, done)
    if arguments.ray:
        return Cluster(settings, arguments.jobs, arguments.ray, take, record)
    return Pool(settings, arguments.jobs, folder, take)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _peeked(path: Path) -> Record:
    """Return a record as it is now; somebody may be writing it."""
    record = Record(path)
    record.learn(Lines(path, Row).peek())
    return record


def _tasks(arguments: argparse.Namespace) -> tuple[Task, ...]:
    found = tasks.read(arguments.tasks)[: arguments.limit]
    if any(task.kind != "function" for task in found):
        msg = f"{arguments.tasks} has gaps to fill, which are for cope-lsp eval infilling"
        raise CopeError(msg)
    return tuple(_showing(task, arguments.visible or 0) for task in found)


def _showing(task: Task, visible: int) -> Task:
    """Return a task whose first tests are shown, if it shows none; at least one stays for the score."""
    if task.visible_tests or not visible:
        return task
    shown = min(visible, len(task.hidden_tests) - 1)
    return replace(task, visible_tests=task.hidden_tests[:shown], hidden_tests=task.hidden_tests[shown:])


def _settings(
    arguments: argparse.Namespace, config: Config, records: Sequence[Record], *, asks_large: bool
) -> BenchSettings:
    small_path = (arguments.small or catalog.resolve(config.model_path)).absolute()
    known = _known(records) if arguments.replay_only else {}
    small = known.get(("small", small_path.stem)) or _identity(small_path)
    settings = BenchSettings(
        small=str(small_path),
        small_name=small.name,
        small_digest=small.digest,
        budget_nusd=arguments.budget,
        threads=max(1, (os.cpu_count() or 1) // arguments.jobs),
        gpu_layers=arguments.gpu_layers,
        is_offline=config.offline,
        is_closed=arguments.replay_only,
    )
    if not asks_large:
        return settings
    if arguments.large == HOSTED:
        if arguments.budget is None and not arguments.replay_only:
            raise CopeError("say what a run with a hosted model may cost at most: --budget USD")
        return replace(_with_hosted(settings, config), file=str(arguments.tasks.absolute()))
    path = Path(arguments.large).absolute() if arguments.large else catalog.standin_path()
    if path is None:
        raise CopeError(
            "name a file that plays the hosted model, --large GGUF, or the real one: --large hosted"
        )
    large = known.get(("large", path.stem)) or _identity(path, conditions.reading())
    rates = astuple(_rates(arguments, config))
    return replace(
        settings, large_name=large.name, large_digest=large.digest, stand_in=str(path), stand_in_rates=rates
    )


def _known(records: Sequence[Record]) -> dict[tuple[str, str], Identity]:
    """Return the models of records by what they were and by their names: repeating needs no file."""
    calls = (call for record in records for call in record.calls.values())
    return {(call.role, call.model): Identity(call.model, call.digest) for call in calls}


def _identity(path: Path, reading: str = "") -> Identity:
    """Return who the model in a file is; of a stand-in, also how it reads a question."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            digest.update(reading.encode())
            return Identity(path.stem, digest.hexdigest()[:16])
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CopeError(msg) from error


def _with_hosted(settings: BenchSettings, config: Config) -> BenchSettings:
    default = Config()
    names = [each.name for each in fields(config) if each.name.startswith("hosted_")]
    changed = {
        name: getattr(config, name) for name in names if getattr(config, name) != getattr(default, name)
    }
    answers_by = (
        endpoint_of(config.hosted_endpoint),
        config.hosted_model,
        config.hosted_effort,
        config.hosted_output_tokens_max,
        config.hosted_draft_tokens_max,
    )
    digest = hashlib.sha256(repr(answers_by).encode()).hexdigest()[:16]
    return replace(
        settings,
        large_name=config.hosted_model,
        large_digest=digest,
        hosted=tuple(changed.items()),
        workspace=str(Path.cwd()),
    )


def _rates(arguments: argparse.Namespace, config: Config) -> Rates:
    """Return what a stand-in is said to cost."""
    if (arguments.price_in is None) != (arguments.price_out is None):
        raise CopeError("--price-in and --price-out belong together")
    if arguments.price_in is not None:
        return rates_of(arguments.price_in, arguments.price_out)
    today = datetime.now(UTC).date()
    found = PriceTable.load().find(endpoint_of(config.hosted_endpoint), config.hosted_model, today)
    if isinstance(found, PriceGap):
        msg = f"{found.reason}; say what the large model is to cost: --price-in USD --price-out USD"
        raise CopeError(msg)
    return found.rates
