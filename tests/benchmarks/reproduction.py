"""The paper's tables beside our own: `python -m tests.benchmarks.reproduction FOLDER --mbpp FILE`.

The pair of models that are trained here (`training/`) solves held-out tasks of the family, and MBPP where its
file is named, by all methods. What was asked is kept in FOLDER, so a second run asks nothing. The tables go
into docs/evaluation.md, between the two marks.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cope_lsp.evaluation.findings import findings
from cope_lsp.evaluation.measure import Difference, accuracy, holm, paired, ratio
from cope_lsp.evaluation.pictures import pictures
from cope_lsp.evaluation.record import Call, Record, Trial
from cope_lsp.evaluation.tables import Table, as_markdown, points, rate, tables
from cope_lsp.evaluation.tasks import read
from cope_lsp.evaluation.trials.entries import GROUPS, entries
from cope_lsp.evaluation.variants import Variant, variants

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "evaluation.md"
PICTURE = "evaluation.svg"
"""Beside the page: cost against accuracy."""

BEGIN, END = "<!-- reproduction: begin -->", "<!-- reproduction: end -->"
TASKS, SEED = 1_000, "4"
PRICE_IN, PRICE_OUT = 2, 10
"""In USD of a million tokens, as a hosted model of middle size costs."""
BYTES_PER_TOKEN = 4
FAMILY_METHODS, MBPP_METHODS = "all,plans,ablations", "all"

PLANNED_PERCENT = {
    ("large", "none", "guideline"): 73.8,
    ("large", "large", "guideline"): 76.2,
    ("large", "small", "guideline"): 69.6,
    ("small", "none", "guideline"): 25.2,
    ("small", "large", "guideline"): 36.4,
    ("small", "small", "guideline"): 23.2,
    ("small", "small", "goal"): 30.2,
}
"""Accuracy in the paper by executor, planner and plan: MATH-500, GPT-mini and Llama-1B."""

METHODS_PERCENT = {
    "large-own-plan": (75.6, 435),
    "cope-consensus": (74.4, 212),
    "cascade-no-plans": (71.2, 265),
    "plans-only": (56.8, 101),
    "verify-only": (52.2, 769),
}
"""Accuracy and cost in the paper: MATH-500, with EXAONE-3.5-2.4B as the small model."""

MAIN = "cope-checks"


@dataclass(frozen=True)
class Found:
    """The variants of one run, on the tasks of one file."""

    tasks: int
    all: tuple[Variant, ...]
    calls: dict[str, Call]

    @classmethod
    def of(cls, record: Record, tasks: Path) -> "Found":
        ids = {task.id for task in read(tasks)}
        trials = [trial for trial in record.trials.values() if trial.task in ids]
        return cls(len(ids), tuple(variants(trials)), record.calls)

    def named(self, text: str) -> Variant:
        """Return what `eval run` makes of a method's name with its settings; exactly one was tried."""
        ((method, setting),) = entries(text)
        (found,) = (
            each for each in self.all if each.method == method and replace(each.setting, fitted="") == setting
        )
        assert len(found.trials) == self.tasks, f"{found.label} was tried on other tasks, too"
        return found

    def as_sent(self, variant: Variant) -> dict[str, float]:
        """Return what each task would cost if all that was sent were charged, in USD of a thousand tasks.

        A stand-in reads less than a hosted model is sent: no instructions, and nothing of failed tests.
        """

        def cost(trial: Trial) -> float:
            calls = [self.calls[key] for key in trial.calls]
            large = [call for call in calls if call.role == "large"]
            read = sum(call.sent_bytes for call in large) / BYTES_PER_TOKEN
            written = sum(call.output_tokens for call in large)
            return (read * PRICE_IN + written * PRICE_OUT) / 1_000

        return variant.by_task(cost)

    def trials(self, named: Sequence[str]) -> list[Trial]:
        return [trial for text in named for trial in self.named(text).trials]


def run(tasks: Path, out: Path, methods: str, *more: str) -> Found:
    """Run what is missing, in view of whoever waits; return what is found then."""
    command = (Path(sys.executable).with_name("cope-lsp"), "eval", "run", tasks, "--out", out)
    small = ROOT / "cope_lsp" / "models" / "embedded" / "cope-nano-v1.gguf"
    large = ROOT / "training" / "nano-large" / "cope-nano-large-v1.gguf"
    pair = ("--small", small, "--large", large)
    prices = ("--price-in", str(PRICE_IN), "--price-out", str(PRICE_OUT))
    subprocess.run([*command, "--method", methods, *pair, *prices, *more], check=True)
    return Found.of(Record.open(out), tasks)


def planner_table(found: Found) -> Table:
    """Return who plans and who writes, in the paper and here."""

    def rows() -> Iterator[tuple[str, ...]]:
        for name in GROUPS["plans"]:
            variant = found.named(name)
            setting = variant.setting
            plain = found.named(f"planned:executor={setting.executor}:planner=none")
            key = (setting.executor, setting.planner, setting.plan)
            is_plain = setting.planner == "none"
            known = PLANNED_PERCENT.get(key)
            before = PLANNED_PERCENT[setting.executor, "none", "guideline"]
            yield (
                setting.executor,
                "nobody" if is_plain else setting.planner,
                "" if is_plain else setting.plan,
                "" if known is None else f"{known:.1f}",
                "" if known is None or is_plain else f"{known - before:+.1f}",
                rate(accuracy(list(variant.scores.values()))),
                "" if is_plain else points(_against(variant, plain)),
                "" if is_plain else f"{_against(variant, plain).p:.2g}",
            )

    return Table(
        "Who plans, and who writes",
        ("executor", "planner", "plan", "paper %", "points", "here %", "points", "p"),
        tuple(rows()),
        "paper: MATH-500, large is GPT-mini, small Llama-1B; here: one greedy draft; author: who made the "
        "tasks and knows what is meant; points: against the same executor without a plan",
        words=3,
    )


def method_table(found: Found) -> Table:
    """Return the methods of the paper's main table, in the paper and here."""
    base_paper = METHODS_PERCENT["large-own-plan"][1]
    base = found.named("large-own-plan")

    def rows() -> Iterator[tuple[str, ...]]:
        for name, (percent, cost) in METHODS_PERCENT.items():
            variant = found.named(name)
            yield (
                name,
                f"{percent:.1f}",
                f"{100 * cost / base_paper:.0f}",
                rate(accuracy(list(variant.scores.values()))),
                _relative_cost(variant, base),
            )

    return Table(
        "The paper's methods",
        ("method", "paper %", "cost, % of the first", "here %", "cost, % of the first"),
        tuple(rows()),
        "paper: MATH-500, EXAONE-3.5-2.4B and GPT-mini",
    )


def rival_table(found: Found, rivals: Sequence[tuple[str, str]]) -> Table:
    """Return how COPE with checks does against baselines that draw as many local drafts."""

    def rows() -> Iterator[tuple[str, ...]]:
        pairs = [(found.named(ours), found.named(theirs)) for ours, theirs in rivals]
        differences = [_against(one, other) for one, other in pairs]
        ps = holm([difference.p for difference in differences])
        for names, (one, other), difference, p in zip(rivals, pairs, differences, ps, strict=True):
            yield (
                *names,
                points(difference),
                f"{difference.won}",
                f"{difference.lost}",
                f"{difference.p:.2g}",
                f"{p:.2g}",
                _relative_cost(one, other),
                _ratio(found.as_sent(one), found.as_sent(other)),
            )

    return Table(
        "COPE with checks against each rival, task by task",
        (
            "COPE",
            "rival",
            "points",
            "won",
            "lost",
            "p",
            "p (Holm)",
            "its cost, % of the rival's",
            "as sent, %",
        ),
        tuple(rows()),
        "p: McNemar's exact test; as sent: if all that was sent were charged, at four bytes a token",
        words=2,
    )


def _against(one: Variant, other: Variant) -> Difference:
    digests = list(one.scores)
    return paired([one.scores[each] for each in digests], [other.scores[each] for each in digests])


def _relative_cost(one: Variant, other: Variant) -> str:
    mine, theirs = (each.by_task(lambda trial: float(trial.nusd)) for each in (one, other))
    return _ratio(mine, theirs)


def _ratio(mine: dict[str, float], theirs: dict[str, float]) -> str:
    found = ratio(list(mine.values()), [theirs[digest] for digest in mine])
    return f"{100 * found.value:.0f}" if found else "-"


WIDE = "samples=16:rounds=3"
RIVALS = (
    (MAIN, "large-alone"),
    (MAIN, "large-tries"),
    (MAIN, "offline:rounds=3"),
    (MAIN, "cascade-no-plans:tests=3:rounds=1"),
    (MAIN, "cascade-no-plans:tests=3:rounds=3:stage_1=goal"),
    (MAIN, "cascade-self-planned:tests=3:rounds=1"),
    (MAIN, "cascade-self-planned:tests=3:rounds=1:passed_on=no"),
    (f"{MAIN}:{WIDE}", "large-alone"),
    (f"{MAIN}:{WIDE}", "offline:samples=16:rounds=7"),
    (f"{MAIN}:{WIDE}", "cascade-no-plans:tests=3:samples=16:rounds=7:stage_1=goal"),
    (f"{MAIN}:{WIDE}", "cascade-self-planned:tests=3:samples=16:rounds=3:passed_on=no"),
    (f"{MAIN}:{WIDE}:when_hopeless=stop", "large-alone"),
    (f"{MAIN}:{WIDE}:when_hopeless=stop", "offline:samples=16:rounds=7"),
)
"""Each draws at least as many local drafts as COPE does, but for large-alone, large-tries and the fourth."""


def family_section(found: Found) -> Iterator[str]:
    """Yield the tables of the family."""
    yield as_markdown([planner_table(found), method_table(found)])
    methods = findings(found.trials(GROUPS["all"]))
    yield as_markdown(_chosen(tables(methods), "Accuracy", "Against", "Who answered", "Calibration"))
    yield as_markdown([rival_table(found, RIVALS)])
    changed = findings(found.trials(("large-alone", "cope-consensus", MAIN, "offline", *GROUPS["ablations"])))
    yield as_markdown(_chosen(tables(changed), "Accuracy"))
    yield as_markdown(
        _chosen(tables(findings(found.trials(("large-alone", "small-alone", MAIN)))), "By wording")
    )


def mbpp_section(found: Found) -> Iterator[str]:
    """Yield the tables of MBPP."""
    yield as_markdown(_chosen(tables(findings(found.trials(GROUPS["all"]))), "Accuracy"))


def _chosen(made: Sequence[Table], *titles: str) -> list[Table]:
    return [table for table in made if table.title.startswith(titles)]


def written(page: str, body: str) -> str:
    """Return a page with another text between the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the page has no {BEGIN}"
    assert end, f"the page has no {END}"
    return f"{before}{BEGIN}\n\n{body.strip()}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reproduction", description=__doc__)
    parser.add_argument("folder", type=Path, help="for tasks, records and pictures")
    parser.add_argument("--mbpp", type=Path, metavar="FILE", help="sanitized-mbpp.json")
    parser.add_argument("--tasks", type=int, default=TASKS, help="of the family")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the marks are")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    family, record = asked.folder / "family.jsonl", asked.folder / "family-run.jsonl"
    drawn = ("--tasks", str(asked.tasks), "--seed", SEED)
    make = (sys.executable, "-m", "training.family", family, *drawn)
    subprocess.run(make, check=True, cwd=ROOT)
    found = run(family, record, FAMILY_METHODS, "--jobs", asked.jobs)
    parts = [f"## {asked.tasks:,} held-out tasks of the family", *family_section(found)]
    if asked.mbpp:
        mbpp = asked.folder / "mbpp-run.jsonl"
        shown = ("--visible", "1", "--jobs", asked.jobs)
        parts += ["## MBPP", *mbpp_section(run(asked.mbpp, mbpp, MBPP_METHODS, *shown))]
    drawn_now = pictures(findings(found.trials(GROUPS["all"])))
    for name, picture in drawn_now.items():
        (asked.folder / name).write_text(picture, "utf-8")
    asked.page.with_name(PICTURE).write_text(drawn_now["accuracy-cost.svg"], "utf-8")
    asked.page.write_text(written(asked.page.read_text("utf-8"), "\n\n".join(parts)), "utf-8")


if __name__ == "__main__":
    main()
