"""Methods: who plans, who writes, and what an answer is accepted by. One table; a method is a row.

Wherever the product can express a method, the product runs it: `Assistant.solve` under other stages. The rest
asks through the same family and the same `Assistant.ask`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from cope_lsp.cascade import decide, run
from cope_lsp.cascade.code import CodeFamily, CodeTask
from cope_lsp.cascade.confidence import perplexity
from cope_lsp.cascade.family import Assessed, Draft
from cope_lsp.cascade.outcome import EscalationAsked, Outcome, StageStarted
from cope_lsp.cascade.plan import Plan, Plans
from cope_lsp.checks.base import Check
from cope_lsp.egress.redact import redact
from cope_lsp.errors import CopeError, HostedFailedError
from cope_lsp.evaluation.record import Evidence, Setting, Stage
from cope_lsp.evaluation.tasks import Task
from cope_lsp.evaluation.trials.bench import Examined
from cope_lsp.evaluation.trials.retry import VERIFY_SYSTEM, complaint
from cope_lsp.evaluation.trials.tape import Tape, TapedModel
from cope_lsp.models.question import Question

SEED_STEP = 100_000
"""Between two seeds of a run: the product counts up from one for each draft, round and stage."""

NO_PLANS = Plans()
AUTHOR = "author"
_LARGE = decide.Stage("large", "large", "guideline", samples=1, threshold=0.0)
_ONE_DRAFT = decide.Stage("large", "small", "guideline", samples=1, threshold=0.0)
"""Without plans to begin with, a stage that the large model plans for is one without any plan."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One task under one setting, and what a method has for it."""

    code: CodeTask
    checks: Sequence[Check]
    setting: Setting
    seed: int
    predicted: float | None
    """How likely the small model is right alone, as a router foretells it from the task's text."""
    author: Plans
    """The plans of whoever made the task; no method but `planned` sees them."""
    assistant: Examined
    small: TapedModel
    tape: Tape

    @property
    def family(self) -> CodeFamily:
        """What asks and judges for the task."""
        return CodeFamily(self.code, self.small, self.checks)


@dataclass(frozen=True, slots=True)
class Reached:
    """What a method came to; see `Trial`."""

    draft: str = ""
    stage: Stage = 0
    accepted: bool = False
    confidence: float | None = None
    estimator: Evidence = ""
    plans: tuple[str, ...] = ()


Run = Callable[[Scene], Awaitable[Reached]]


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table."""

    run: Run
    setting: Setting
    """Its defaults. What it has no use for stands at those of `Setting`, and cannot be set."""
    settable: frozenset[str]
    uses_large: bool = True
    is_routed: bool = False
    """Whether it waits for a router that is fitted to what the small model did alone."""


# -- the product itself, under other stages ------------------------------------------------------------


async def cascade(scene: Scene, stages: Sequence[decide.Stage], plans: Plans = NO_PLANS) -> Reached:
    """Let the product solve the task."""

    async def agreed(_asked: EscalationAsked) -> bool:
        return True  # the user said so once, for the whole run

    scene.assistant.config = replace(
        scene.assistant.config,
        cascade_extra_rounds=scene.setting.rounds,
        cascade_when_hopeless=scene.setting.when_hopeless,
    )
    outcome: Outcome | None = None
    rounds = 0
    solving = scene.assistant.solve(
        scene.code, scene.checks, agreed, plans,
        stages=stages, seed=scene.seed * SEED_STEP, hand_on=scene.setting.passed_on,
    )  # fmt: skip
    async with aclosing(solving) as events:
        async for event in events:
            outcome = event if isinstance(event, Outcome) else None
            rounds = event.round if isinstance(event, StageStarted) else rounds
    assert outcome is not None
    place = outcome.stage - 1
    reached = _reached(outcome, stages[place])
    if reached.accepted and reached.estimator == "agreement":
        shown = outcome.plans if place else plans
        first = scene.seed * SEED_STEP + place * 10 * run.SEEDS_PER_ROUND
        seeds = [first + number * run.SEEDS_PER_ROUND for number in range(rounds + 1)]
        share = await _agreeing(scene, stages[place], seeds, shown, reached.draft)
        reached = replace(reached, confidence=share)
    return reached


async def _agreeing(
    scene: Scene, stage: decide.Stage, seeds: Sequence[int], plans: Plans, draft: str
) -> float:
    """Return which share of all samples of a stage gives the answer of a draft.

    The product stops when enough of those that have come agree; of how many that was depends on their order,
    which says nothing of how sure the model is. What is looked at here counts for nothing else.
    """
    family = CodeFamily(scene.code, scene.small, scene.checks[:1])  # what does not parse has no answer
    wanted = (await family.assess(Draft(draft))).judged.answer
    with scene.tape.aside():
        drafts = [each for seed in seeds async for each in family.draw(stage, plans, stage.samples, seed)]
    answers = [(await family.assess(each)).judged.answer for each in drafts]
    return answers.count(wanted) / len(answers)


def _reached(outcome: Outcome, stage: decide.Stage) -> Reached:
    plans = outcome.plans
    draft = outcome.draft.text if outcome.draft else ""
    is_planned = stage.planner == "large" and plans.guideline is not None
    by_large = 3 if stage.executor == "large" else 2 if is_planned else 1
    tested = any(each.check == "tests" and each.judgement != "unknown" for each in outcome.verdicts)
    estimator: Evidence = "tests" if tested else "agreement"
    # One draft agrees with itself, which says nothing.
    value = outcome.confidence if estimator == "tests" or stage.samples > 1 else None
    return Reached(
        draft=draft,
        stage=_stage(by_large) if draft else 0,
        accepted=outcome.status == "solved",
        confidence=value,
        estimator=estimator if value is not None else "",
        plans=_texts(plans),
    )


def _texts(plans: Plans) -> tuple[str, ...]:
    return tuple(plan.text for plan in (plans.goal, plans.guideline) if plan)


def _stage(number: int) -> Stage:
    stages: tuple[Stage, ...] = (0, 1, 2, 3)
    return stages[number]


def _first(setting: Setting) -> decide.Stage:
    """Return the small model's own stage; with the large one as its planner and no plan, it has none."""
    if setting.stage_1 == "none":
        return decide.Stage("large", "small", "goal", setting.samples, setting.thresholds[0])
    return decide.Stage("small", "small", setting.stage_1, setting.samples, setting.thresholds[0])


async def small_alone(scene: Scene) -> Reached:
    """One greedy draft without a plan."""
    return await cascade(scene, (_ONE_DRAFT,))


async def offline(scene: Scene) -> Reached:
    """The first stage alone, as without a network."""
    return await cascade(scene, (_first(scene.setting),))


async def cope(scene: Scene) -> Reached:
    """The cascade of the paper: section 3."""
    second = decide.Stage("large", "small", "guideline", scene.setting.samples, scene.setting.thresholds[1])
    return await cascade(scene, (_first(scene.setting), second, _LARGE))


async def without_large_plans(scene: Scene) -> Reached:
    """As many local drafts, the second half under the goal of the majority; then the large model."""
    second = decide.Stage("small", "small", "goal", scene.setting.samples, scene.setting.thresholds[1])
    return await cascade(scene, (_first(scene.setting), second, _LARGE))


async def without_plans(scene: Scene) -> Reached:
    """Drafts of the small model, then one of the large model."""
    return await cascade(scene, (_first(scene.setting), _LARGE))


async def plans_only(scene: Scene) -> Reached:
    """The large model plans every task, the small one writes one greedy draft under it."""
    return await cascade(scene, (_ONE_DRAFT,), await _guideline(scene))


async def planned(scene: Scene) -> Reached:
    """One greedy draft under one plan: a cell of the paper's tables of planners and executors."""
    setting = scene.setting
    own = decide.Stage("small", "small", setting.plan, samples=1, threshold=0.0)
    if (setting.executor, setting.planner) == ("small", "small"):
        return await cascade(scene, (own,))
    plans = await _plans(scene, own)
    return await (
        large_alone(scene, plans) if setting.executor == "large" else cascade(scene, (_ONE_DRAFT,), plans)
    )


async def _plans(scene: Scene, own: decide.Stage) -> Plans:
    """Return the one plan that the setting asks for."""
    match scene.setting.planner:
        case "none":
            return NO_PLANS
        case "large" if scene.setting.plan == "guideline":
            return await _guideline(scene)
        case "large":
            raise CopeError("the product asks a large model for guidelines alone: plan=guideline")
        case "small":
            plans = [each.goal async for each in scene.family.draw(own, NO_PLANS, samples=1, seed=0)]
            return NO_PLANS.joined_by(plans[0]) if plans and plans[0] else NO_PLANS
    found = scene.author.goal if scene.setting.plan == "goal" else scene.author.guideline
    if found is None:
        raise CopeError("these tasks come without plans of their author")
    return NO_PLANS.joined_by(found)


def authors_plans(task: Task) -> Plans:
    """Return the plans that a task comes with."""
    goal, guideline = Plan("goal", task.goal, AUTHOR), Plan("guideline", task.guideline, AUTHOR)
    return Plans(goal if task.goal else None, guideline if task.guideline else None)


# -- what asks for itself --------------------------------------------------------------------------------


async def large_alone(scene: Scene, plans: Plans = NO_PLANS) -> Reached:
    """The large model writes. With tests it may try again, and is told what failed."""
    family, tries = scene.family, scene.setting.tries
    said, reached = "", Reached()
    for number in range(1, tries + 1):
        try:
            answer = await scene.assistant.ask(family.draft_question(plans, said))
        except HostedFailedError:
            return reached
        draft = family.read_draft(plans, answer.text)
        assessed = await family.assess(draft)
        reached = _written(draft, assessed, plans)
        if reached.accepted:
            break
        said = complaint(number, tries, assessed.complaint or "it cannot be read as the function")
    return reached


def _written(draft: Draft, assessed: Assessed, plans: Plans) -> Reached:
    tests = assessed.judged.tests
    return Reached(
        draft=draft.text,
        stage=3 if draft.text else 0,
        accepted=assessed.judged.answer is not None and tests != "failed",
        confidence=None if tests == "unknown" else float(tests == "passed"),
        estimator="" if tests == "unknown" else "tests",
        plans=_texts(plans),
    )


async def large_own_plan(scene: Scene) -> Reached:
    """The large model plans, and writes under its own plan."""
    return await large_alone(scene, await _guideline(scene))


async def _guideline(scene: Scene) -> Plans:
    """Return the large model's plan for a task of which nothing is known yet."""
    try:
        answer = await scene.assistant.ask(scene.family.plan_question(NO_PLANS, ""))
    except HostedFailedError:
        return NO_PLANS
    return Plans(guideline=Plan("guideline", " ".join(answer.text.split()), answer.model))


async def verify_only(scene: Scene) -> Reached:
    """The small model drafts, the large one says yes or no, and writes itself after anything but a clear yes.

    A stand-in that was never taught to judge says no such thing; then this is large-alone at a higher price.
    """
    drafted = await small_alone(scene)
    if drafted.draft and await _is_verified(scene, drafted.draft):
        return drafted
    return await large_alone(scene)


async def _is_verified(scene: Scene, draft: str) -> bool:
    code = scene.code
    question = Question(
        VERIFY_SYSTEM, redact(code.target.with_body(draft)), code.workspace, "plan", (code.file,)
    )
    try:
        answer = await scene.assistant.ask(question)
    except HostedFailedError:
        return False
    return answer.text.strip().lower().startswith("yes")


async def router(scene: Scene) -> Reached:
    """RouteLLM's idea: from the text of the task alone it is foretold who can do it; nobody tries first."""
    assert scene.predicted is not None
    if scene.predicted < scene.setting.thresholds[0]:
        return await large_alone(scene)
    reached = await small_alone(scene)
    return replace(reached, accepted=True, confidence=scene.predicted, estimator="router")


async def scored(scene: Scene) -> Reached:
    """FrugalGPT's idea: the small model writes, and a score of its answer decides whether that is taken.

    The score is the geometric mean of its tokens' probabilities, not the fitted scorer of that paper.
    """
    drafted = await small_alone(scene)
    found = perplexity(scene.tape.used[-1].answers[0].logprobs or ())
    score = 1 / found if found else 0.0
    if drafted.accepted and score >= scene.setting.thresholds[0]:
        return replace(drafted, confidence=score, estimator="score")
    return await large_alone(scene)


# -- the table ---------------------------------------------------------------------------------------------

_DRAWN = frozenset({"samples", "thresholds", "temperature", "tests", "rounds", "stage_1"})
_COPE = _DRAWN | {"passed_on", "when_hopeless"}
_PAPER = Setting(thresholds=(0.75, 0.5))
VISIBLE_TESTS_MAX = 3
PLANNED = "planned"

METHODS = {
    "small-alone": Method(small_alone, Setting(samples=1, stage_1="none"), frozenset(), uses_large=False),
    "offline": Method(
        offline, Setting(thresholds=(0.75,), tests=VISIBLE_TESTS_MAX, rounds=1), _DRAWN, uses_large=False
    ),
    "large-alone": Method(large_alone, Setting(samples=0, stage_1="none"), frozenset()),
    "large-own-plan": Method(large_own_plan, Setting(samples=0, stage_1="none"), frozenset()),
    "large-tries": Method(
        large_alone,
        Setting(samples=0, stage_1="none", tests=VISIBLE_TESTS_MAX, tries=3),
        frozenset({"tests", "tries"}),
    ),
    "plans-only": Method(plans_only, Setting(samples=1, stage_1="none"), frozenset()),
    "verify-only": Method(verify_only, Setting(samples=1, stage_1="none"), frozenset()),
    "router": Method(
        router,
        Setting(samples=1, stage_1="none", thresholds=(0.5,)),
        frozenset({"thresholds"}),
        is_routed=True,
    ),
    "scored-cascade": Method(
        scored, Setting(samples=1, stage_1="none", thresholds=(0.95,)), frozenset({"thresholds"})
    ),
    "cascade-no-plans": Method(without_plans, Setting(stage_1="none", thresholds=(0.75,)), _DRAWN),
    "cascade-self-planned": Method(without_large_plans, _PAPER, _COPE),
    "cope-consensus": Method(cope, _PAPER, _COPE),
    "cope-checks": Method(cope, replace(_PAPER, tests=VISIBLE_TESTS_MAX, rounds=1), _COPE),
    PLANNED: Method(
        planned,
        Setting(samples=1, stage_1="none"),
        frozenset({"executor", "planner", "plan"}),
    ),
}
