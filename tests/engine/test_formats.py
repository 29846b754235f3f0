"""Fill-in-the-middle in each family's own format: the real engine on the families' published vocabularies."""

from pathlib import Path

import pytest

from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.completion.prompt import build
from cope_lsp.engine import fim_formats
from cope_lsp.engine.llama import LlamaModel, start_backend
from cope_lsp.engine.prompting import prompt_tokens
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.local import LocalModel
from cope_lsp.values import (
    CompletionRequest,
    Document,
    FimMark,
    Generation,
    Limits,
    Prompt,
    Sampling,
    Suggestion,
    Text,
)
from tests import vocabularies
from tests.engine.conftest import MakeEngine, draw
from tests.vocabularies import Family, token_names, write_model

BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"  # noqa: RUF001
HOLE = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")  # noqa: RUF001
QWEN_MARKS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
STARCODER_MARKS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")


def marked(marks: tuple[str, str, str]) -> list[str]:
    """Return a prompt of a byte-level vocabulary, in the order of its name: prefix, suffix, middle."""
    return [marks[0], "def", "Ġa", marks[1], "Ċ", "return", marks[2]]


EXPECTED: dict[str, tuple[Family, list[str]]] = {
    "Qwen2.5-Coder": (vocabularies.QWEN, marked(QWEN_MARKS)),
    "StarCoder2": (vocabularies.STARCODER2, marked(STARCODER_MARKS)),
    "Granite": (vocabularies.GRANITE, marked(STARCODER_MARKS)),
    "DeepSeek-Coder": (vocabularies.DEEPSEEK, [BEGIN, *marked(HOLE)]),
    "CodeLlama": (
        vocabularies.CODELLAMA,
        ["<s>", "▁<PRE>", "▁def", "▁a", "▁<SUF>", "<0x0A>", "return", "▁<MID>"],
    ),
    "CodeGemma": (
        vocabularies.CODEGEMMA,
        ["<s>", QWEN_MARKS[0], "def", "▁a", QWEN_MARKS[1], "<0x0A>", "return", QWEN_MARKS[2]],
    ),
    "Codestral": (
        vocabularies.CODESTRAL,
        ["<s>", "[SUFFIX]", "<0x0A>", "return", "[PREFIX]", "▁def", "▁a"],
    ),
    "Seed-Coder": (
        vocabularies.SEED_CODER,
        [
            "<[begin▁of▁sentence]>",
            "<[fim-suffix]>",
            "Ċ",
            "return",
            "<[fim-prefix]>",
            "def",
            "Ġa",
            "<[fim-middle]>",
        ],
    ),
}
"""What each family's published code or documentation makes of "def a" before and "\\nreturn" after."""

ENDS: dict[str, tuple[str, ...]] = {
    "Qwen2.5-Coder": ("<|endoftext|>", "<|im_end|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>"),
    "StarCoder2": ("<|endoftext|>", "<fim_pad>", "<file_sep>", "<repo_name>"),
    "Granite": ("<|endoftext|>", "<fim_pad>", "<filename>", "<reponame>"),
    "DeepSeek-Coder": (END, "<|EOT|>", HOLE[0]),
    "CodeLlama": ("</s>", "▁<EOT>", "▁<MID>"),
    "CodeGemma": ("</s>", "<|file_separator|>", "<end_of_turn>"),
    "Codestral": ("</s>", "[SUFFIX]", "[MIDDLE]"),
    "Seed-Coder": ("<[end▁of▁sentence]>", "<[fim-suffix]>"),
}
"""Tokens after which nothing of a draft comes, each in its family."""

families = pytest.mark.parametrize("name", EXPECTED)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("families")
    return {name: write_model(folder / f"{name}.gguf", family) for name, (family, _) in EXPECTED.items()}


@pytest.fixture(scope="module")
def loaded(models: dict[str, Path]) -> dict[str, LlamaModel]:
    """Return the models without their engines, to look at single tokens."""
    start_backend()
    return {name: LlamaModel(path, 0) for name, path in models.items()}


def fill_in(model: LlamaModel, before: str = "def a", after: str = "\nreturn") -> Prompt:
    request = CompletionRequest(Document("file:///a.py", "python", before + after), len(before))
    return build(request, model.info, output_tokens_max=40)


@families
def test_a_prompt_is_token_for_token_what_the_family_was_trained_on(
    loaded: dict[str, LlamaModel], name: str
) -> None:
    family, expected = EXPECTED[name]
    names = token_names(family)
    assert [names[token] for token in prompt_tokens(fill_in(loaded[name]), loaded[name])] == expected


@families
def test_every_family_is_recognised_by_its_vocabulary(loaded: dict[str, LlamaModel], name: str) -> None:
    found = fim_formats.recognise(loaded[name].special_token)
    assert found is not None
    assert name in found.family
    assert found.source
    assert set(found.names()) == set(loaded[name].info.fim_marks)
    for role, token in found.names().items():
        assert loaded[name].fim_token(role) == loaded[name].special_token(token) is not None


@families
async def test_what_is_filled_in_holds_no_special_token(
    make_engine: MakeEngine, models: dict[str, Path], loaded: dict[str, LlamaModel], name: str
) -> None:
    engine = make_engine(models[name], context_tokens=1024)
    info = await engine.start()
    assert (info.fim, info.fim_order) == (True, loaded[name].info.fim_order)
    wanted = Generation(fill_in(loaded[name]), Limits(40, 60.0), Sampling(2.0, 0, 1.0, 0.0), samples=4)
    answer = await draw(engine, wanted)
    assert answer.usage.prompt_tokens == len(EXPECTED[name][1])
    assert any(answer.texts)
    for special in (*ENDS[name], *EXPECTED[name][1][:1]):
        assert not any(special in text for text in answer.texts)


@families
async def test_ghost_text_comes_from_every_family(models: dict[str, Path], name: str) -> None:
    """All the way: the words of random weights are nonsense, but words."""
    model = LocalModel(models[name], EngineSettings(context_tokens=1024), restarts_max=0)
    document = Document("file:///a.py", "python", "def a\nreturn")
    syntax = SyntaxReader()
    completion = await Completer(model, syntax, Pace()).complete(
        CompletionRequest(document, 5, explicit=True)
    )
    await model.close()
    await syntax.close()
    assert isinstance(completion, Suggestion) or completion.reason not in ("model-unavailable", "language")
    shown = completion.text if isinstance(completion, Suggestion) else completion.detail
    assert shown
    assert not any(special in shown for special in ENDS[name])


@families
def test_ends_and_marks_end_a_draft_and_other_tokens_do_not(loaded: dict[str, LlamaModel], name: str) -> None:
    model, names = loaded[name], token_names(EXPECTED[name][0])
    assert all(model.is_end(names.index(end)) for end in ENDS[name])
    marks = [token for token in EXPECTED[name][1] if token[0] in "<[" and token[1] != "0"]
    assert all(model.is_end(names.index(mark)) for mark in marks[1:])
    assert not any(model.is_end(token) for token in model.tokenize("def a\n\treturn <b>[c]"))


@pytest.mark.parametrize("name", ["StarCoder2", "DeepSeek-Coder", "CodeLlama", "Codestral"])
async def test_a_draft_stops_at_an_end_token(make_engine: MakeEngine, tmp_path: Path, name: str) -> None:
    family = EXPECTED[name][0]
    names = token_names(family)
    for number, end in enumerate(ENDS[name]):
        path = write_model(tmp_path / f"{number}.gguf", family, always=names.index(end))
        answer = await draw(make_engine(path), Generation((Text("def", 9, "tail"),), Limits(10, 30.0)))
        assert [(sample.text, sample.finish) for sample in answer.samples] == [("", "eog")], end


async def test_a_model_that_says_no_end_goes_on(make_engine: MakeEngine, tmp_path: Path) -> None:
    """The models of the test above are stubborn and not mute."""
    family = vocabularies.STARCODER2
    path = write_model(tmp_path / "def.gguf", family, always=token_names(family).index("def"))
    answer = await draw(make_engine(path), Generation((Text("def", 9, "tail"),), Limits(10, 30.0)))
    assert [(sample.text, sample.finish) for sample in answer.samples] == [("def" * 10, "length")]


@families
def test_the_name_of_a_special_token_in_a_file_is_just_text(loaded: dict[str, LlamaModel], name: str) -> None:
    model, names = loaded[name], token_names(EXPECTED[name][0])
    special = {*ENDS[name], *(token for token in EXPECTED[name][1] if token[0] in "<[▁" and "0" not in token)}
    special -= {"▁def", "▁a"}
    hostile = "".join(f"a = '{token}'\n{token}{token} " for token in sorted(special))
    tokens = prompt_tokens(fill_in(model, hostile, hostile), model)
    marks = {names.index(token) for token in special}
    assert [token for token in tokens if token in marks] == [
        token for token in prompt_tokens(fill_in(model), model) if token in marks
    ]
    for joined in (False, True):
        pieces = b"".join(model.piece(token) for token in model.tokenize(hostile, joined=joined))
        written = pieces.decode().removeprefix("" if joined else " ")
        assert written.replace("▁", " ") == hostile.replace("▁", " ")  # SentencePiece's sign for a space


def test_what_a_file_names_itself_wins(tmp_path: Path) -> None:
    """The ids in its metadata count, whatever the tokens are called."""
    family = Family(
        "odd",
        vocabularies.STARCODER2.file,
        metadata={
            "tokenizer.ggml.fim_pre_token_id": 7,
            "tokenizer.ggml.fim_suf_token_id": 8,
            "tokenizer.ggml.fim_mid_token_id": 9,
        },
    )
    model = LlamaModel(write_model(tmp_path / "odd.gguf", family), 0)
    assert [model.fim_token("prefix"), model.fim_token("suffix"), model.fim_token("middle")] == [7, 8, 9]
    assert prompt_tokens(fill_in(model), model)[0] == 7
    assert all(model.is_end(token) for token in (7, 8, 9))


def test_a_file_may_name_the_marks_of_a_family_whose_order_is_its_own(tmp_path: Path) -> None:
    family = Family(
        "Seed",
        vocabularies.SEED_CODER.file,
        vocabularies.SEED_CODER.tokens,
        vocabularies.SEED_CODER.metadata | {"tokenizer.ggml.fim_pre_token_id": 128258},
    )
    assert LlamaModel(write_model(tmp_path / "seed.gguf", family), 0).info.fim_order == "suffix-prefix-middle"


def test_ids_beyond_the_vocabulary_are_none(tmp_path: Path) -> None:
    lies = {f"tokenizer.ggml.{role}_token_id": 2**31 for role in ("fim_pre", "fim_suf", "bos", "eos")}
    family = Family("lying", vocabularies.PHI3.file, metadata=lies | {"tokenizer.ggml.add_bos_token": True})
    model = LlamaModel(write_model(tmp_path / "lying.gguf", family), 0)
    assert not model.info.fim
    assert model.fim_token("prefix") is None
    assert all(0 <= token < model.vocab_size for token in prompt_tokens((Text("a", 9, "tail"),), model))
    assert all(0 <= token < model.vocab_size for token in prompt_tokens((), model))


def test_a_vocabulary_may_need_more_tokens_than_there_are_bytes(tmp_path: Path) -> None:
    """Without a token for a space, each takes three tokens for its bytes in SentencePiece's writing."""
    space = token_names(vocabularies.CODELLAMA).index("▁")
    family = Family("spaceless", vocabularies.CODELLAMA.file, {space: "no space"})
    model = LlamaModel(write_model(tmp_path / "odd.gguf", family), 0)
    text = " 1" * 100
    tokens = model.tokenize(text, joined=True)
    assert len(tokens) == 2 * len(text)
    assert b"".join(model.piece(token) for token in tokens).decode().replace("▁", " ") == text


def test_a_vocabulary_without_marks_is_written_left_to_right(tmp_path: Path) -> None:
    model = LlamaModel(write_model(tmp_path / "phi.gguf", vocabularies.PHI3), 0)
    assert not model.info.fim
    names = token_names(vocabularies.PHI3)
    assert [names[token] for token in prompt_tokens(fill_in(model), model)] == ["<s>", "▁def", "▁a"]
    with pytest.raises(ValueError, match="no fill-in-the-middle token for 'prefix'"):
        prompt_tokens((FimMark("prefix"),), model)
