"""The scheduler on a real model, step by step: what a job leaves behind that ends amid something."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType

from cope_lsp.engine.lanes import Lanes
from cope_lsp.engine.llama import (
    DecodeError,
    InterruptedBatchError,
    LlamaContext,
    LlamaModel,
    NoSpaceError,
    start_backend,
)
from cope_lsp.engine.scheduler import Scheduler
from cope_lsp.engine.wire import Drawn, EngineSettings, Finished, Message
from cope_lsp.values import FimMark, Generation, Limits, Prompt, Sample, Text
from tests.random_model import Shape, write_random_model, write_recurrent_model

LINES = "".join(f"def step_{n}(x):\n    return x + {n}\n\n\n" for n in range(12))
REPEATING = "x = 1\n" * 40
NEW = "value = 1\nother = 2\n" * 4
"""More tokens than one batch of a prompt takes, and fewer than let what was moved drift too far."""


class Context(LlamaContext):
    """Counts its batches, and fails when a test says so."""

    def __init__(self, model: LlamaModel, settings: EngineSettings) -> None:
        super().__init__(model, settings)
        self.batches = self.interrupted = 0
        self.fails: Callable[[int], Exception | None] = lambda _: None

    def decode(self) -> None:
        self.batches += 1
        if (error := self.fails(self.batches)) is not None:
            raise error
        try:
            super().decode()
        except InterruptedBatchError:
            self.interrupted += 1
            raise


class Bench:
    """A scheduler with all that belongs to it."""

    def __init__(self, path: Path, **settings: object) -> None:
        """Make one that remembers nothing outside of the context, unless `settings` say so."""
        start_backend()
        named = {"cache_type": "f32", "parked_bytes_max": 0} | settings
        chosen = EngineSettings(**named)  # type: ignore[arg-type]  # by name
        self.model = LlamaModel(path, 0)
        self.context = Context(self.model, chosen)
        self.sent: list[Message] = []
        self.scheduler = Scheduler(self.model, self.context, chosen, self.sent.append)
        self._next = 0

    @property
    def lanes(self) -> Lanes:
        return self.scheduler._lanes

    def submit(self, wanted: Generation) -> int:
        self._next += 1
        self.scheduler.submit(self._next, wanted)
        return self._next

    def work(self) -> int:
        """Work until there is nothing to do, and return how many steps that took."""
        steps = 0
        while not self.scheduler.idle:
            self.scheduler.step()
            steps += 1
        return steps

    def draw(self, wanted: Generation) -> tuple[list[Sample], Finished]:
        job = self.submit(wanted)
        self.work()
        samples = [each.sample for each in self.sent if isinstance(each, Drawn) and each.id == job]
        (end,) = (each for each in self.sent if isinstance(each, Finished) and each.id == job)
        return sorted(samples, key=lambda sample: sample.index), end

    def texts(self, wanted: Generation) -> list[str]:
        samples, end = self.draw(wanted)
        assert end.error == ""
        return [sample.text for sample in samples]

    def draw_first(self, wanted: Generation) -> list[str]:
        """Return the texts of a job that does not wait until others are done."""
        job = self.submit(wanted)
        while not any(isinstance(each, Finished) and each.id == job for each in self.sent):
            self.scheduler.step()
        samples = [each.sample for each in self.sent if isinstance(each, Drawn) and each.id == job]
        return [sample.text for sample in sorted(samples, key=lambda sample: sample.index)]

    def forget_all(self) -> None:
        for lane in self.lanes.idle():
            self.lanes.forget(lane)

    def check_lanes(self) -> None:
        """All lanes are free, and the context remembers of each what the lane says."""
        idle = self.lanes.idle()
        assert len(idle) == 9
        for lane in idle:
            if not lane.tokens:
                assert self.context.last_position(lane.sequence) == -1
            elif self.model.forgets_ends:
                assert self.context.last_position(lane.sequence) >= len(lane.tokens) - 1

    def close(self) -> None:
        self.context.close()
        self.model.close()


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "flat.gguf"
    return write_random_model(path, Shape(layers=1), kind=GGMLQuantizationType.F32)


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recurrent_model(tmp_path_factory.mktemp("models") / "mamba.gguf")


@pytest.fixture
def bench(flat: Path) -> Iterator[Bench]:
    made = Bench(flat)
    yield made
    made.close()


def wanted(prompt: Prompt | str, tokens: int = 12, samples: int = 1, *, batch: bool = False) -> Generation:
    shown = (Text(prompt, 1800, "tail"),) if isinstance(prompt, str) else prompt
    priority = "batch" if batch else "interactive"
    return Generation(shown, Limits(tokens, 30.0), samples=samples, priority=priority)  # type: ignore[arg-type]


def infilling(prefix: str) -> Prompt:
    before, after = Text(prefix, 900, "tail"), Text(LINES, 900, "head", joined=True)
    return (FimMark("prefix"), before, FimMark("suffix"), after, FimMark("middle"))


# -- what is moved ------------------------------------------------------------------------------------


def begin_with_something_set_aside(bench: Bench) -> int:
    bench.texts(wanted(infilling(LINES)))
    job = bench.submit(wanted(infilling(LINES + NEW), tokens=40))
    bench.scheduler.step()
    assert bench.scheduler._jobs[job].moved is not None, "the suffix waits in a lane of its own"
    return job


@pytest.mark.parametrize("end", ["cancel", "deadline", "failure", "no space"])
def test_what_was_set_aside_is_given_back_however_the_job_ends(flat: Path, end: str) -> None:
    bench = Bench(flat, batch_tokens=32)
    job = begin_with_something_set_aside(bench)
    match end:
        case "cancel":
            bench.scheduler.cancel(job)
        case "deadline":
            bench.scheduler._jobs[job].deadline = 0.0
        case "failure":
            bench.context.fails = lambda _: DecodeError("broken")
        case "no space":
            bench.context.fails = lambda _: NoSpaceError("full")
    bench.scheduler.step()
    bench.context.fails = lambda _: None
    assert bench.scheduler.idle
    bench.check_lanes()
    warm = bench.texts(wanted(infilling(LINES + NEW)))
    bench.forget_all()
    assert warm == bench.texts(wanted(infilling(LINES + NEW)))
    bench.close()


# -- what is guessed ----------------------------------------------------------------------------------


def test_a_text_that_repeats_itself_takes_fewer_batches_than_tokens(flat: Path) -> None:
    guessing, plain = Bench(flat, speculation="always"), Bench(flat, speculation="never")
    for text in (REPEATING, LINES):
        before = guessing.context.batches, plain.context.batches
        assert guessing.texts(wanted(text, tokens=120)) == plain.texts(wanted(text, tokens=120))
        batches = guessing.context.batches - before[0]
        assert batches < 0.8 * (plain.context.batches - before[1]), "some guesses were right"
    assert guessing.scheduler._guesser._lookup_pace._right < 1.0, "some guesses were wrong"
    for bench in (guessing, plain):
        bench.check_lanes()
        bench.close()


def test_guesses_for_which_there_is_no_room_are_given_up(flat: Path) -> None:
    plain, guessing = Bench(flat, speculation="never"), Bench(flat, speculation="always")
    expected = plain.texts(wanted(REPEATING, tokens=60))
    tried: list[int] = []

    def fails(_: int) -> Exception | None:
        full = guessing.context.batch_tokens - guessing.context.room
        tried.append(full)
        return NoSpaceError("full") if 1 < full <= 8 else None

    guessing.context.fails = fails
    assert guessing.texts(wanted(REPEATING, tokens=60)) == expected
    assert max(each for each in tried if each <= 8) > 1, "there were guesses"
    plain.close()
    guessing.close()


# -- failures and full contexts -----------------------------------------------------------------------


def test_after_a_failed_batch_no_lane_claims_what_it_does_not_hold(flat: Path) -> None:
    bench = Bench(flat, context_tokens=512)
    text = "def add(a, b):\n    return"
    cold = bench.texts(wanted(text))
    bench.forget_all()
    # With long texts three drafts run at once, so that others wait when the batch fails.
    job = bench.submit(wanted(text, tokens=120, samples=8, batch=True))
    last = bench.context.batches + 6
    bench.context.fails = lambda batch: DecodeError("broken") if batch > last else None
    while not bench.scheduler.idle:
        bench.scheduler.step()
    bench.context.fails = lambda _: None
    (end,) = (each for each in bench.sent if isinstance(each, Finished) and each.id == job)
    assert end.error
    bench.check_lanes()
    samples, ended = bench.draw(wanted(text))
    assert ended.usage.cached_tokens == 0
    assert [sample.text for sample in samples] == cold
    bench.close()


def test_ghost_text_finds_room_beside_a_batch_that_could_fill_the_context(flat: Path) -> None:
    bench = Bench(flat, context_tokens=512)
    long = wanted("import os\n", tokens=126, samples=8, batch=True)
    bench.submit(long)
    for _ in range(120):
        bench.scheduler.step()
    assert bench.draw_first(wanted(f"import json\n\n\n{LINES[:60]}", tokens=60))
    assert not bench.scheduler.idle, "the batch goes on"
    bench.close()


def test_several_interactive_drafts_take_turns_when_a_batch_holds_the_lanes(bench: Bench) -> None:
    text = "def add(a, b):\n    return"
    alone = bench.texts(wanted(text))
    bench.submit(wanted("class A:\n", tokens=60, samples=8, batch=True))
    for _ in range(4):
        bench.scheduler.step()
    assert bench.draw_first(wanted(text, samples=3)) == alone * 3
    assert not bench.scheduler.idle, "the batch goes on"


# -- memories that cannot be cut or moved ---------------------------------------------------------------


def test_a_state_that_is_carried_along_is_neither_moved_nor_cut(recurrent: Path) -> None:
    bench = Bench(recurrent)
    prompts = [infilling(LINES + NEW[:end]) for end in range(0, 40, 3)]
    cold = []
    for prompt in prompts:
        bench.forget_all()
        cold += bench.texts(wanted(prompt))
    bench.forget_all()
    assert [text for prompt in prompts for text in bench.texts(wanted(prompt))] == cold
    bench.close()


def test_drafts_of_a_state_that_is_carried_along_all_begin_at_the_prompt(recurrent: Path) -> None:
    bench = Bench(recurrent)
    text = "def add(a, b):\n    return"
    alone = bench.texts(wanted(text, tokens=30))
    bench.forget_all()
    assert bench.texts(wanted(text, tokens=30, samples=12, batch=True)) == alone * 12
    bench.check_lanes()
    bench.close()


# -- what is parked -----------------------------------------------------------------------------------


def test_a_text_is_still_known_after_a_long_job(flat: Path) -> None:
    bench = Bench(flat, parked_bytes_max=1 << 24)
    cold = bench.texts(wanted(LINES))
    bench.texts(wanted("class A:\n", tokens=30, samples=8, batch=True))
    assert bench.context.last_position(bench.lanes.idle()[-1].sequence) < 60, "it is not in the context"
    samples, end = bench.draw(wanted(LINES))
    assert end.usage.cached_tokens == end.usage.prompt_tokens - 1
    assert [sample.text for sample in samples] == cold
    bench.check_lanes()
    bench.close()


def test_files_that_are_looked_at_in_turn_are_all_remembered(flat: Path) -> None:
    bench = Bench(flat, parked_bytes_max=1 << 24, context_tokens=1024)
    files = [LINES.replace("step", name) for name in ("alpha", "beta", "gamma", "delta", "epsilon")]
    cold = [bench.texts(wanted(text)) for text in files]
    for text, expected in zip(files * 2, cold * 2, strict=True):
        samples, end = bench.draw(wanted(text))
        assert end.usage.cached_tokens == end.usage.prompt_tokens - 1
        assert [sample.text for sample in samples] == expected
    bench.check_lanes()
    bench.close()


def test_what_is_parked_stays_below_its_limit(flat: Path) -> None:
    bench = Bench(flat, parked_bytes_max=1_000_000, context_tokens=1024)
    for number in range(12):
        bench.texts(wanted(LINES.replace("step", f"name_{number}")))
    held = [len(parked.state) for parked in bench.lanes._parked]
    assert 0 < sum(held) <= 1_000_000
    bench.close()


# -- what is interrupted ------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [1, 3])
def test_a_prompt_whose_reading_was_interrupted_is_read_on(flat: Path, samples: int) -> None:
    bench = Bench(flat, batch_tokens=32)
    cold = bench.texts(wanted(LINES, samples=samples))
    bench.forget_all()
    job = bench.submit(wanted(LINES, samples=samples))
    while not bench.scheduler.idle:
        bench.context.interrupt()
        bench.scheduler.step()
        bench.context.go_on()
        bench.scheduler.step()
    texts = [each.sample.text for each in bench.sent if isinstance(each, Drawn) and each.id == job]
    assert texts == cold
    assert bench.context.interrupted > 5
    bench.check_lanes()
    bench.close()


@pytest.mark.parametrize("layers", [1, 4])
def test_what_is_moved_is_moved_once_whatever_interrupts(tmp_path: Path, layers: int) -> None:
    """A move is made by llama.cpp at the beginning of the next batch."""
    path = write_random_model(tmp_path / "m.gguf", Shape(layers=layers), kind=GGMLQuantizationType.F32)
    bench = Bench(path)
    prompts = [infilling(LINES), infilling(LINES + NEW)]
    calm = [bench.draw(wanted(prompt))[0][0].text for prompt in prompts]
    bench.forget_all()
    first = bench.texts(wanted(prompts[0]))
    bench.submit(wanted(prompts[1]))
    bench.context.interrupt()
    bench.scheduler.step()
    bench.context.go_on()
    bench.work()
    last = [each.sample.text for each in bench.sent if isinstance(each, Drawn)][-1]
    assert [*first, last] == calm
    bench.close()


def test_a_draft_that_was_begun_in_an_interrupted_batch_waits_for_its_logits(flat: Path) -> None:
    bench = Bench(flat, batch_tokens=128)
    cold = bench.texts(wanted(LINES[:300]))
    bench.forget_all()
    bench.scheduler._portion.learn(64, 1e-6)
    bench.submit(wanted(LINES[:300]))
    bench.context.interrupt()
    bench.scheduler.step()
    bench.context.go_on()
    bench.scheduler._portion.learn(64, 64.0)  # a portion is the smallest now
    bench.work()
    assert [each.sample.text for each in bench.sent if isinstance(each, Drawn)][-1:] == cold
    bench.check_lanes()
    bench.close()


def test_drafts_whose_growth_was_interrupted_grow_on(flat: Path) -> None:
    bench = Bench(flat)
    long = wanted(LINES, tokens=30, samples=8, batch=True)
    cold = bench.texts(long)
    job = bench.submit(long)
    while not bench.scheduler.idle:
        bench.context.interrupt()
        bench.scheduler.step()
        bench.context.go_on()
        bench.scheduler.step()
    samples = [each.sample for each in bench.sent if isinstance(each, Drawn) and each.id == job]
    assert [sample.text for sample in sorted(samples, key=lambda sample: sample.index)] == cold
    assert bench.context.interrupted > 20
    bench.check_lanes()
    bench.close()


def test_a_state_that_is_carried_along_is_not_interrupted(recurrent: Path) -> None:
    bench = Bench(recurrent)
    cold = bench.texts(wanted(LINES))
    bench.forget_all()
    bench.context.interrupt()
    assert bench.texts(wanted(LINES)) == cold
    assert bench.context.interrupted == 0
    bench.close()


# -- who waits on a slow machine ----------------------------------------------------------------------


LONG = "".join(LINES.replace("step", name) for name in ("one", "two", "three", "four", "five"))
SLOW = (32, 32 * 0.001)
"""A portion of a prompt that took a millisecond for each token."""


def waiting(prompt: Prompt, patience_s: float) -> Generation:
    return Generation(prompt, Limits(12, 30.0, patience_s=patience_s))


def seen(text: str) -> Prompt:
    return (FimMark("prefix"), Text(text, 900, "tail"), FimMark("middle"))


def test_who_waits_is_shown_less_of_a_prompt_and_all_of_it_with_the_next_key(flat: Path) -> None:
    bench = Bench(flat)
    bench.scheduler._portion.learn(*SLOW)
    job = bench.submit(waiting(seen(LONG), 0.3))
    while not any(isinstance(each, Finished) and each.id == job for each in bench.sent):
        bench.scheduler.step()
    (end,) = (each for each in bench.sent if isinstance(each, Finished))
    assert 64 <= end.usage.prompt_tokens <= 160
    assert bench.work() > 5, "the rest is read when nobody waits any more"
    bench.scheduler._portion.learn(*SLOW)
    samples, end = bench.draw(waiting(seen(LONG + "x"), 0.3))
    assert end.usage.prompt_tokens > 700
    assert end.usage.prompt_tokens - end.usage.cached_tokens <= 4
    bench.check_lanes()
    bench.forget_all()
    assert [sample.text for sample in samples] == bench.texts(wanted(seen(LONG + "x")))
    bench.close()


def test_who_does_not_wait_is_shown_everything(flat: Path) -> None:
    bench = Bench(flat)
    bench.scheduler._portion.learn(*SLOW)
    _, end = bench.draw(wanted(seen(LONG)))
    assert end.usage.prompt_tokens > 700
    bench.close()


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_reading_ahead_stops_for_a_request_and_goes_on_where_it_was(flat: Path, steps: int) -> None:
    bench = Bench(flat, batch_tokens=32, parked_bytes_max=1 << 20)
    cold = bench.texts(wanted("def add(a, b):\n    return"))
    bench.scheduler._portion.learn(*SLOW)
    job = bench.submit(waiting(seen(LONG), 0.3))
    while not any(isinstance(each, Finished) and each.id == job for each in bench.sent):
        bench.scheduler.step()
    for _ in range(steps):
        bench.scheduler.step()
    assert bench.draw_first(wanted("def add(a, b):\n    return")) == cold
    assert bench.scheduler.idle, "what was to be read ahead is forgotten with the place"
    bench.check_lanes()
    _, end = bench.draw(wanted(seen(LONG)))
    assert end.usage.cached_tokens >= 32 * max(0, steps - 1)
    bench.close()


def test_on_a_slow_machine_fewer_tokens_are_drawn_for_who_waits(flat: Path) -> None:
    bench = Bench(flat)
    for _ in range(50):
        bench.scheduler._patience.learn(0.02)
    _, end = bench.draw(Generation(seen("def f(x):\n    "), Limits(200, 30.0, patience_s=0.8)))
    assert 12 <= end.usage.output_tokens <= 40
    bench.close()
