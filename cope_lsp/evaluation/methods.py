"""Methods: who writes the plans that a draft is written under. One table; a method is a row."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from cope_lsp.cascade import prompts
from cope_lsp.cascade.executor import BODY_ENDS, PLAN_TOKENS_MAX
from cope_lsp.cascade.plan import PlanKind
from cope_lsp.completion import prompt as ghost
from cope_lsp.evaluation.tasks import Task
from cope_lsp.models.base import TextModel
from cope_lsp.values import (
    CompletionRequest,
    Document,
    Generation,
    Limits,
    Prompt,
    Sample,
    Sampling,
    Text,
    Usage,
)

Author = Literal["executor", "planner", "task"]
"""Who writes a plan: the model that writes the draft, another one, or whoever made the task ("perfect")."""

DRAFT_TOKENS_MAX = 256
LINE_TOKENS_MAX = 64
DEADLINE_S = 300.0
"""For one request with all that wait before it."""


@dataclass(frozen=True, slots=True)
class Method:
    """Whose plans the executor is shown; None: no such plan."""

    goal: Author | None = None
    guideline: Author | None = None

    @property
    def needs_planner(self) -> bool:
        """Whether a second model takes part."""
        return "planner" in {self.goal, self.guideline}


METHODS = {
    "no-plan": Method(),
    "own-goal": Method(goal="executor"),
    "own-guideline": Method(guideline="executor"),
    "own-goal+own-guideline": Method(goal="executor", guideline="executor"),
    "planner-goal": Method(goal="planner"),
    "planner-guideline": Method(guideline="planner"),
    "own-goal+planner-guideline": Method(goal="executor", guideline="planner"),
    "perfect-goal": Method(goal="task"),
    "perfect-guideline": Method(guideline="task"),
    "perfect-goal+perfect-guideline": Method(goal="task", guideline="task"),
}


@dataclass(frozen=True, slots=True)
class Draw:
    """How drafts are drawn. One sample is greedy."""

    samples: int = 1
    temperature: float = 0.8
    seed: int = 0

    @property
    def sampling(self) -> Sampling:
        """The engine's settings for this."""
        return Sampling(self.temperature if self.samples > 1 else 0.0, seed=self.seed)


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a method made of a task."""

    drafts: tuple[str, ...]
    """One for each sample; "" where the model wrote nothing."""
    goals: tuple[str, ...] = ()
    """One for each draft that was written under an own one, otherwise one, or none."""
    guidelines: tuple[str, ...] = ()
    executor_tokens: int = 0
    """That the executor wrote, its plans included."""
    planner_tokens: int = 0


@dataclass(slots=True)
class Models:
    """The models that take part."""

    executor: TextModel
    planner: TextModel | None = None
    spent: dict[Author, int] = field(default_factory=dict)

    async def write(self, author: Author, text: Prompt, limits: Limits, draw: Draw) -> list[str]:
        """Return one text for each sample."""
        return await self.ask(author, Generation(text, limits, draw.sampling, draw.samples, "batch"))

    async def ask(self, author: Author, wanted: Generation) -> list[str]:
        """Return the text of each sample of a generation, and write down what it cost."""
        model = self.planner if author == "planner" else self.executor
        assert model is not None
        texts = [""] * wanted.samples
        async with aclosing(_answers(model, wanted)) as answers:
            async for answer in answers:
                if isinstance(answer, Usage):
                    self.spent[author] = self.spent.get(author, 0) + answer.output_tokens
                else:
                    texts[answer.index] = answer.text
        return texts


def _answers(model: TextModel, wanted: Generation) -> AsyncGenerator[Sample | Usage, None]:
    return model.generate(wanted)


async def run(
    task: Task, method: Method, draw: Draw, executor: TextModel, planner: TextModel | None = None
) -> Drafted:
    """Let a method write its drafts of a task.

    Raises:
        CopeError: a model cannot be asked.
    """
    models = Models(executor, planner)
    drafted = await (_fill if task.kind == "infilling" else _write)(task, method, draw, models)
    return replace(
        drafted,
        executor_tokens=models.spent.get("executor", 0),
        planner_tokens=models.spent.get("planner", 0),
    )


async def _fill(task: Task, method: Method, draw: Draw, models: Models) -> Drafted:
    """Fill the gap as ghost text is made, without its filters: a benchmark takes what the model wrote."""
    if method != Method():
        raise ValueError("a gap of one line is filled without a plan")
    info = await models.executor.info()
    request = CompletionRequest(
        Document("file:///task.py", "python", task.context + "\n" + task.suffix), len(task.context)
    )
    text = ghost.build(request, info, LINE_TOKENS_MAX)
    limits = Limits(LINE_TOKENS_MAX, DEADLINE_S, lines_max=1)
    return Drafted(tuple(await models.write("executor", text, limits, draw)))


async def _write(task: Task, method: Method, draw: Draw, models: Models) -> Drafted:
    bare = prompts.Parts(task.context, task.signature, task.docstring)
    if method == Method(goal="executor"):
        return await _in_one_go(bare, "goal", draw, models)
    if method == Method(guideline="executor"):
        return await _in_one_go(bare, "guideline", draw, models)
    goal = await _plan("goal", method.goal, task, bare, models)
    # A planner is asked for its guideline as if it were alone; an executor goes on from its own goal.
    seen = replace(bare, goal=goal) if method.guideline == "executor" else bare
    guideline = await _plan("guideline", method.guideline, task, seen, models)
    parts = replace(bare, goal=goal, guideline=guideline)
    texts = await models.write("executor", _text(prompts.plain(parts, "code")), _draft_limits(), draw)
    drafts = tuple(prompts.read(parts, "code", text).draft for text in texts)
    return Drafted(drafts, tuple(filter(None, [goal])), tuple(filter(None, [guideline])))


async def _in_one_go(bare: prompts.Parts, kind: PlanKind, draw: Draw, models: Models) -> Drafted:
    """Every sample writes a plan of its own and goes on with its draft (paper, stage 1)."""
    limits = _draft_limits(PLAN_TOKENS_MAX)
    texts = await models.write("executor", _text(prompts.plain(bare, kind)), limits, draw)
    plans = tuple(prompts.one_line(text.partition("\n")[0]) for text in texts)
    settings = [replace(draw.sampling, seed=draw.seed + index) for index in range(draw.samples)]
    drafts = [
        await _rest(bare, kind, text, sampling, models)
        for text, sampling in zip(texts, settings, strict=True)
    ]
    return Drafted(tuple(drafts), plans if kind == "goal" else (), plans if kind == "guideline" else ())


async def _rest(bare: prompts.Parts, kind: PlanKind, text: str, sampling: Sampling, models: Models) -> str:
    """Return the draft behind a plan; a model that ended with its plan is asked for the rest."""
    plan, end, rest = text.partition("\n")
    parts = replace(bare, goal=plan) if kind == "goal" else replace(bare, guideline=plan)
    if not end:
        again = Generation(_text(prompts.plain(parts, "code")), _draft_limits(), sampling, 1, "batch")
        (rest,) = await models.ask("executor", again)
    return prompts.read(parts, "code", rest).draft


async def _plan(
    kind: PlanKind, author: Author | None, task: Task, parts: prompts.Parts, models: Models
) -> str:
    """Return a plan: the task's own, or one that a model writes greedily."""
    if author is None:
        return ""
    if author == "task":
        return task.goal if kind == "goal" else task.guideline
    limits = Limits(PLAN_TOKENS_MAX, DEADLINE_S, stop=("\n",))
    texts = await models.write(author, _text(prompts.plain(parts, kind)), limits, Draw())
    return prompts.one_line(texts[0])


def _draft_limits(more_tokens: int = 0) -> Limits:
    return Limits(DRAFT_TOKENS_MAX + more_tokens, DEADLINE_S, stop=BODY_ENDS)


def _text(text: str) -> Prompt:
    return (Text(text, 2_048, "tail"),)
