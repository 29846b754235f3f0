"""A draft model: who may guess for whom, that no text changes, and what it costs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType

from cope_lsp.config import Config
from cope_lsp.engine.draft_model import PADDING_MAX, DraftModel
from cope_lsp.engine.guesser import Guesser
from cope_lsp.engine.llama import DecodeError, LlamaContext, LlamaModel, NoSpaceError, start_backend
from cope_lsp.engine.portion import BATCH_SECONDS_MAX, PREFILL_TOKENS_MIN
from cope_lsp.engine.scheduler import Scheduler
from cope_lsp.engine.speculation import GUESSES_MAX, RETRY_STEPS, Lookup
from cope_lsp.engine.wire import Drawn, EngineSettings
from cope_lsp.models.catalog import embedded_path
from cope_lsp.models.local import LocalModel, same_model
from tests.engine.conftest import MakeEngine, draw, generation
from tests.engine.test_batching import prompts
from tests.engine.test_scheduler import LINES, Bench, Context, wanted
from tests.random_model import Shape, write_exact_copy, write_random_model, write_recurrent_model

TOKENS = 64
LONG = "".join(f"item_{n} = {n * n}\n" for n in range(80))


class DraftBench(Bench):
    """A scheduler with a draft model, whose batches are counted, too."""

    def __init__(self, path: Path, draft: Path | None, **settings: object) -> None:
        super().__init__(path, **settings)
        chosen = EngineSettings(cache_type="f32", **settings)  # type: ignore[arg-type]  # by name
        self.draft = DraftModel(draft, self.model, chosen) if draft else None
        self.scheduler = Scheduler(self.model, self.context, chosen, self.sent.append, self.draft)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of one vocabulary by name, all with 32-bit weights but for the embedded one."""
    folder, exact = tmp_path_factory.mktemp("models"), GGMLQuantizationType.F32
    return {
        "embedded": embedded_path(),
        "exact": write_exact_copy(folder / "exact.gguf"),
        "slow": write_exact_copy(folder / "slow.gguf", idle_layers=60),
        "random": write_random_model(folder / "random.gguf", Shape(layers=1), kind=exact),
        "other": write_random_model(folder / "other.gguf", Shape(layers=1), kind=exact, seed=7),
        "padded": write_random_model(
            folder / "padded.gguf", Shape(layers=1), kind=exact, padding=PADDING_MAX
        ),
    }


@pytest.fixture(scope="module")
def others(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files by name that are no models, or none that could guess for one of `models`."""
    folder = tmp_path_factory.mktemp("others")
    text, cut = folder / "text.gguf", folder / "cut.gguf"
    text.write_text("a small model\n", "utf-8")
    cut.write_bytes(models["random"].read_bytes()[:5000])
    return {
        "random": models["random"],
        "text": text,
        "cut": cut,
        "missing": folder / "missing.gguf",
        "no-fim": write_random_model(folder / "no-fim.gguf", fim=False),
        "more": write_random_model(folder / "more.gguf", padding=PADDING_MAX + 1),
        "recurrent": write_recurrent_model(folder / "mamba.gguf"),
    }


@pytest.fixture
def bench(models: dict[str, Path]) -> Iterator[Callable[..., DraftBench]]:
    made: list[DraftBench] = []

    def make(model: str, draft: str = "", **settings: object) -> DraftBench:
        chosen = {"speculation": "always" if draft else "never"} | settings
        made.append(DraftBench(models[model], models[draft] if draft else None, **chosen))
        return made[-1]

    yield make
    for each in made:
        each.close()


# -- that no text changes -----------------------------------------------------------------------------


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("model", "draft"),
    [("exact", "exact"), ("exact", "embedded"), ("exact", "other"), ("random", "other"), ("padded", "other")],
)
async def test_greedy_text_is_equal_with_and_without_a_draft_model(
    models: dict[str, Path], make_engine: MakeEngine, scale: Callable[[int, int], int], model: str, draft: str
) -> None:
    plain = make_engine(models[model], cache_type="f32", speculation="never")
    drafting = make_engine(
        models[model], cache_type="f32", speculation="always", draft_path=str(models[draft])
    )
    assert (await drafting.start()).notes == ()
    for text in prompts(scale(4, 200)):
        for asked in (text, f"{text[:300]}\n{text[:300]}", text):
            expected = await draw(plain, generation(asked, tokens=TOKENS))
            found = await draw(drafting, generation(asked, tokens=TOKENS))
            assert found.samples == expected.samples
            assert found.usage.output_tokens == expected.usage.output_tokens


@pytest.mark.parametrize("model", ["exact", "random", "slow"])
def test_a_draft_model_that_says_the_same_saves_most_batches(
    bench: Callable[..., DraftBench], model: str
) -> None:
    plain, drafting = bench(model), bench(model, "exact" if model == "slow" else model)
    for text in ("class Shelf:\n    def __init__(self", "def words(text):\n    found = []\n"):
        before = plain.context.batches, drafting.context.batches
        assert drafting.texts(wanted(text, tokens=TOKENS)) == plain.texts(wanted(text, tokens=TOKENS))
        batches = drafting.context.batches - before[1]
        assert 2 * batches < plain.context.batches - before[0]
    drafting.check_lanes()


def test_a_draft_model_that_says_something_else_does_no_harm(bench: Callable[..., DraftBench]) -> None:
    plain, drafting = bench("random"), bench("random", "other")
    for text in (LINES[:200], LONG[:400], LINES[:80]):
        assert drafting.texts(wanted(text, tokens=TOKENS)) == plain.texts(wanted(text, tokens=TOKENS))
    assert drafting.scheduler._guesser._draft_pace._right < 0.1, "guesses were wrong"
    drafting.check_lanes()


@pytest.mark.parametrize("draft", ["exact", "embedded"])
def test_texts_that_take_turns_are_those_drawn_alone(bench: Callable[..., DraftBench], draft: str) -> None:
    """There is one draft model for all jobs: it has to find its way back into each text."""
    plain, drafting = bench("exact"), bench("exact", draft)
    first, second = wanted(LINES[:200], tokens=TOKENS, batch=True), wanted(LONG[:300], tokens=24)
    expected = plain.texts(first), plain.texts(second)
    job = drafting.submit(first)
    for _ in range(3):
        for _ in range(5):
            drafting.scheduler.step()
        assert drafting.draw_first(second) == expected[1]
    while not drafting.scheduler.idle:
        drafting.scheduler.step()
    drawn = [each for each in drafting.sent if isinstance(each, Drawn) and each.id == job]
    assert [each.sample.text for each in drawn] == expected[0]
    drafting.check_lanes()


@pytest.mark.parametrize("steps", [1, 9, 14])
def test_a_job_that_is_cancelled_amid_guesses_leaves_nothing_behind(
    bench: Callable[..., DraftBench], steps: int
) -> None:
    plain, drafting = bench("exact"), bench("exact", "embedded")
    job = drafting.submit(wanted(LONG[:700], tokens=200))
    for _ in range(steps):
        drafting.scheduler.step()
    drafting.scheduler.cancel(job)
    assert drafting.scheduler.idle
    drafting.check_lanes()
    for text in (LONG[:700], LINES[:200]):
        assert drafting.texts(wanted(text, tokens=TOKENS)) == plain.texts(wanted(text, tokens=TOKENS))
    drafting.check_lanes()


@pytest.mark.parametrize("error", [DecodeError("broken"), NoSpaceError("full")])
def test_what_fails_in_the_draft_model_fails_no_job(
    bench: Callable[..., DraftBench], error: Exception
) -> None:
    plain, drafting = bench("exact"), bench("exact", "exact")
    assert drafting.draft is not None
    drafting.draft._context.close()
    failing = drafting.draft._context = Context(drafting.draft._model, EngineSettings(cache_type="f32"))
    failing.fails = lambda batch: error if batch > 5 else None
    for text in (LINES[:200], LONG[:300]):
        assert drafting.texts(wanted(text, tokens=TOKENS)) == plain.texts(wanted(text, tokens=TOKENS))
    assert drafting.scheduler._guesser._draft is None, "it is not asked again"
    drafting.check_lanes()


def test_a_text_that_grows_beyond_what_the_draft_model_was_trained_for_goes_on_without_it(
    bench: Callable[..., DraftBench],
) -> None:
    plain, drafting = bench("random"), bench("random", "embedded")
    text = LONG * 2
    tokens = drafting.model.tokenize(text)[-480:]
    assert drafting.draft is not None
    assert drafting.draft.can_read(tokens, 32)
    assert not drafting.draft.can_read(tokens, 33), "it was trained on 512 tokens"
    assert drafting.texts(wanted(text, tokens=40)) == plain.texts(wanted(text, tokens=40))
    assert drafting.draft._context.last_position(0) == -1, "a text that is too long is not read"
    drafting.check_lanes()


# -- how it guesses -----------------------------------------------------------------------------------


def load(model: Path, draft: Path, **settings: object) -> tuple[LlamaModel, DraftModel]:
    start_backend()
    loaded = LlamaModel(model, 0)
    return loaded, DraftModel(draft, loaded, EngineSettings(cache_type="f32", **settings))  # type: ignore[arg-type]


def continued(model: LlamaModel, tokens: list[int], count: int) -> list[int]:
    """Return what a network says greedily, computed without anything of ours that remembers."""
    context = LlamaContext(model, EngineSettings(cache_type="f32", batch_tokens=1024))
    text = list(tokens)
    while len(text) < len(tokens) + count:
        context.forget(0)
        for position, token in enumerate(text):
            row = context.add(token, position, 0, logits=position == len(text) - 1)
        context.decode()
        text.append(int(context.logits(row).argmax()))
    context.close()
    return text[len(tokens) :]


def test_it_guesses_what_it_would_say_whatever_it_read_before(models: dict[str, Path]) -> None:
    model, draft = load(models["exact"], models["exact"], speculation="always")
    texts = [model.tokenize(text)[:90] for text in (LINES, LONG, LINES[8:])]
    for tokens in [*texts, texts[0][:40], texts[0][:40], texts[0][:41], [*texts[0][:40], 99]]:
        while not draft.catch_up(tokens):
            pass
        assert draft.guess(3) == continued(model, tokens, 3)
    draft.close()
    model.close()


def test_it_says_nothing_of_which_it_is_not_sure(models: dict[str, Path]) -> None:
    for name, least in (("random", 0), ("exact", 1)):
        model, draft = load(models[name], models[name])
        tokens = model.tokenize("import os\nimport sys\nimport os\nimport")
        assert draft.catch_up(tokens)
        found = draft.guess(GUESSES_MAX)
        assert min(len(found), 1) == least
        assert found == continued(model, tokens, len(found))
        draft.close()
        model.close()


def test_a_long_prompt_is_read_in_portions(models: dict[str, Path]) -> None:
    model, draft = load(models["exact"], models["exact"])
    draft._portion.learn(PREFILL_TOKENS_MIN, 10 * BATCH_SECONDS_MAX)
    tokens = model.tokenize(LONG)[:400]
    read = [0]
    while not draft.catch_up(tokens):
        read.append(draft._context.last_position(0) + 1)
        draft._portion.learn(PREFILL_TOKENS_MIN, 10 * BATCH_SECONDS_MAX)
    assert read == list(range(0, 400, PREFILL_TOKENS_MIN))
    assert draft.seconds_behind(tokens) < draft.seconds_behind(tokens[:100] + [7] * 200)
    draft.close()
    model.close()


def test_what_the_text_repeats_is_looked_up_and_only_what_is_not_found_is_asked(
    models: dict[str, Path],
) -> None:
    model, draft = load(models["exact"], models["exact"], speculation="always")
    guesser = Guesser(draft, always=True)
    assert guesser.guess(Lookup([5, 6, 7, 8, 9, 5, 6, 7]), 2, 100) == [8, 9]
    assert draft._context.last_position(0) == -1
    assert guesser.guess(Lookup([5, 6, 7, 8]), 2, 100) == continued(model, [5, 6, 7, 8], 2)
    assert guesser.guess(None, 2, 100) == guesser.guess(Lookup([5, 6, 7, 8]), 0, 100) == []
    draft.close()
    model.close()


# -- whether it pays ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("draft", "pays"), [("exact", True), ("other", False)])
def test_a_draft_model_is_asked_as_long_as_that_pays(
    models: dict[str, Path],
    draft: str,
    pays: bool,  # noqa: FBT001  # named in the table above
) -> None:
    """Here the model takes an hour for a token, and as long for two: only what is right decides."""
    hour = 3600.0
    model, loaded = load(models["exact"], models[draft])
    loaded._confidence_min = 0.0  # the random network is sure of nothing
    guesser, text = Guesser(loaded, always=False), Lookup(model.tokenize("def add(left, right):\n"))
    guessed = []
    for _ in range(3 * RETRY_STEPS):
        guesses = guesser.guess(text, GUESSES_MAX, 100)
        truth = continued(model, text.tokens, 1 + len(guesses))
        right = next((n for n, guess in enumerate(guesses) if guess != truth[n]), len(guesses))
        guesser.learn(len(guesses), hour * (1 + len(guesses) / 2), right)
        text.add(truth[0])  # one at a time, so that the text stays short
        guessed.append(len(guesses))
    assert (sum(guessed) > len(guessed)) == pays
    assert any(guessed)
    loaded.close()
    model.close()


def test_a_prompt_is_read_only_where_the_text_is_long_enough_to_pay_for_it(models: dict[str, Path]) -> None:
    model, draft = load(models["exact"], models["exact"])
    guesser, text = Guesser(draft, always=False), Lookup(model.tokenize(LONG)[:300])
    guesser.learn(0, 0.01, 0)
    draft._portion.learn(PREFILL_TOKENS_MIN, PREFILL_TOKENS_MIN * 0.001)  # 0.3 s for the prompt
    assert guesser.guess(text, GUESSES_MAX, 10) == []
    assert draft._context.last_position(0) == -1
    guesser.guess(text, GUESSES_MAX, 1000)
    assert draft._context.last_position(0) >= 0
    draft.close()
    model.close()


# -- who may guess for whom ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "draft", "reason"),
    [
        ("random", "no-fim", "has another vocabulary than the model: token 1 is another one"),
        ("random", "more", f"has another vocabulary than the model: {2049 + PADDING_MAX} tokens, not 2048"),
        ("random", "text", "is not a GGUF file: it is a text"),
        ("random", "missing", "cannot be read: No such file or directory"),
        ("random", "cut", "is not a GGUF file that can be loaded"),
        ("random", "recurrent", "cannot take back a wrong guess"),
        ("recurrent", "random", "cannot take back a wrong guess"),
    ],
)
async def test_what_cannot_guess_is_named_and_the_model_works_without_it(
    others: dict[str, Path], make_engine: MakeEngine, model: str, draft: str, reason: str
) -> None:
    plain = make_engine(others[model], speculation="never", draft_path=str(others[draft]))
    engine = make_engine(others[model], draft_path=str(others[draft]))
    assert (await plain.start()).notes == (), "nobody wants guesses"
    (note,) = (await engine.start()).notes
    assert note.startswith(f"the draft model is not used: {others[draft]} ")
    assert reason in note
    assert (await draw(engine, generation())).texts == (await draw(plain, generation())).texts


async def test_vocabularies_that_are_padded_to_different_sizes_are_one(
    models: dict[str, Path], make_engine: MakeEngine
) -> None:
    plain = make_engine(models["random"], cache_type="f32", speculation="never")
    engine = make_engine(
        models["random"], cache_type="f32", speculation="always", draft_path=str(models["padded"])
    )
    assert (await engine.start()).notes == ()
    assert (await draw(engine, generation())).texts == (await draw(plain, generation())).texts


def test_a_token_that_only_one_of_both_knows_is_neither_read_nor_guessed(models: dict[str, Path]) -> None:
    model, draft = load(models["padded"], models["random"], speculation="always")
    assert draft.can_read([1, 2, draft._vocab_size - 1], 8)
    assert not draft.can_read([1, draft._vocab_size, 2], 8)
    draft.close()
    model.close()
    model, draft = load(models["random"], models["padded"], speculation="always")
    for first in range(60):
        assert draft.catch_up([first, 2, 3])
        assert max(draft.guess(20)) < model.vocab_size
    draft.close()
    model.close()


def test_the_setting_names_the_file_wherever_the_engine_runs(models: dict[str, Path]) -> None:
    plain = Config(model_path=models["exact"])
    drafting = replace(plain, model_draft_path=Path("small.gguf"))
    found = LocalModel.from_config(drafting).engine.settings.draft_path
    assert found == str(Path.cwd() / "small.gguf"), "the engine that windows share runs in another folder"
    assert LocalModel.from_config(plain).engine.settings.draft_path == ""
    assert not same_model(plain, drafting)
