"""The prompt: the surroundings of the cursor in the order that the model was trained on."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.completion.prompt import EXCERPTS_SHARE, NAME_TOKENS_MAX, PROMPT_TOKENS_MAX, build
from cope_lsp.values import CompletionRequest, Document, Excerpt, FimMark, FimRole, ModelInfo, Prompt, Text
from tests.conftest import scaled

MODEL = ModelInfo("m", "", 1, 1, context_tokens=8192, fim=True, languages=None, gpu=False)
LEFT_TO_RIGHT = replace(MODEL, fim=False)


def prompt_at(marked: str, model: ModelInfo = MODEL, output_tokens_max: int = 40) -> Prompt:
    """Return the prompt for ‸."""
    before, after = marked.split("‸")
    request = CompletionRequest(Document("file:///a.py", "python", before + after), len(before))
    return build(request, model, output_tokens_max)


def texts(prompt: Prompt) -> list[Text]:
    return [segment for segment in prompt if isinstance(segment, Text)]


def test_a_model_that_can_fill_in_sees_both_sides() -> None:
    prompt = prompt_at("a = ‸\nb = 2\n")
    assert prompt == (
        FimMark("prefix"),
        Text("a = ", 768, "tail"),
        FimMark("suffix"),
        Text("\nb = 2\n", 256, "head", joined=True),
        FimMark("middle"),
    )


def test_a_model_that_was_trained_so_sees_the_suffix_first() -> None:
    prompt = prompt_at("a = ‸\nb = 2\n", replace(MODEL, fim_order="suffix-prefix-middle"))
    assert prompt == (
        FimMark("suffix"),
        Text("\nb = 2\n", 256, "head", joined=True),
        FimMark("prefix"),
        Text("a = ", 768, "tail"),
        FimMark("middle"),
    )


def test_a_model_that_cannot_fill_in_sees_what_stands_before() -> None:
    assert prompt_at("a = ‸\nb = 2\n", LEFT_TO_RIGHT) == (Text("a = ", PROMPT_TOKENS_MAX, "tail"),)


@pytest.mark.parametrize(
    ("suffix_tokens_max", "prefix", "suffix"),
    [(None, 768, 256), (100, 924, 100), (0, 1024, 0), (999, 768, 256)],
)
def test_a_model_says_how_much_after_the_cursor_helps_it(
    suffix_tokens_max: int | None, prefix: int, suffix: int
) -> None:
    prompt = prompt_at("a = ‸b", replace(MODEL, suffix_tokens_max=suffix_tokens_max))
    assert [text.tokens_max for text in texts(prompt)] == [prefix, suffix]
    assert [text.text for text in texts(prompt)] == ["a = ", "b" if suffix else ""]


@pytest.mark.parametrize("model", [MODEL, LEFT_TO_RIGHT])
def test_an_empty_document_is_a_prompt(model: ModelInfo) -> None:
    assert {text.text for text in texts(prompt_at("‸", model))} == {""}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_a_model_is_shown_one_kind_of_line_end(end: str) -> None:
    shown = texts(prompt_at(f"a = 1{end}{end}b = ‸{end}c = 3{end}"))
    assert [text.text for text in shown] == ["a = 1\n\nb = ", "\nc = 3\n"]


@pytest.mark.parametrize(
    ("context_tokens", "output_tokens", "prompt_tokens"),
    [(8192, 40, 1024), (1024, 40, 976), (512, 120, 384), (100, 120, 16), (0, 0, 16)],
)
@pytest.mark.parametrize("fim", [True, False])
def test_prompt_and_answer_fit_into_the_models_context(
    context_tokens: int, output_tokens: int, prompt_tokens: int, *, fim: bool
) -> None:
    model = replace(MODEL, context_tokens=context_tokens, fim=fim)
    prompt = prompt_at("a‸b", model, output_tokens)
    assert sum(text.tokens_max for text in texts(prompt)) == prompt_tokens


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(
    text=st.text("ab \n", max_size=300),
    offset=st.integers(0, 300),
    context_tokens=st.integers(0, 200),
    fim=st.booleans(),
)
def test_a_prompt_is_what_touches_the_cursor_within_its_budget(
    *, text: str, offset: int, context_tokens: int, fim: bool
) -> None:
    offset = min(offset, len(text))
    model = replace(MODEL, context_tokens=context_tokens, fim=fim)
    prompt = build(CompletionRequest(Document("file:///a", "", text), offset), model, 40)
    prefix, *suffix = texts(prompt)
    assert prefix.keep == "tail"
    assert text[:offset].endswith(prefix.text)
    assert len(suffix) == fim
    assert all(text[offset:].startswith(part.text) and part.keep == "head" for part in suffix)
    assert sum(part.tokens_max for part in texts(prompt)) <= max(16, context_tokens)


@pytest.mark.parametrize(("suffix_tokens_max", "shown"), [(None, 4), (2, 2), (0, 0)])
def test_a_model_is_shown_as_much_of_the_suffix_as_helps_it(
    suffix_tokens_max: int | None, shown: int
) -> None:
    model = replace(MODEL, context_tokens=60, suffix_tokens_max=suffix_tokens_max)
    suffix = texts(prompt_at("a = ‸\nb = 2\n", model))[1]
    assert suffix.tokens_max == shown


EXCERPTS = (
    Excerpt("a/one.py", "def one(first, second, third): ..."),
    Excerpt("two.py", "TWO = [2] * 22 + [4]\r\n"),
)


def with_excerpts(
    model: ModelInfo, language: str = "python", excerpts: tuple[Excerpt, ...] = EXCERPTS
) -> Prompt:
    request = CompletionRequest(Document("file:///x/my%20file.py", language, "a = b"), 4)
    return build(request, model, 40, excerpts)


def test_other_places_are_shown_as_files_to_a_model_that_knows_files() -> None:
    prompt = with_excerpts(replace(MODEL, fim_marks=("file", "middle", "prefix", "suffix")))
    assert prompt[:7] == (
        FimMark("file"),
        Text("a/one.py\ndef one(first, second, third): ...\n", 15, "head"),
        FimMark("file"),
        Text("two.py\nTWO = [2] * 22 + [4]\n\n", 10, "head"),
        FimMark("file"),
        Text("my file.py\n", 32, "head"),
        FimMark("prefix"),
    )


@pytest.mark.parametrize(("language", "mark"), [("python", "#"), ("lua", "--"), ("go", "//")])
def test_other_places_are_shown_under_comments_to_any_other_model(language: str, mark: str) -> None:
    first, second, *_ = texts(with_excerpts(MODEL, language))
    assert first.text == f"{mark} a/one.py\ndef one(first, second, third): ...\n"
    assert second.text == f"{mark} two.py\nTWO = [2] * 22 + [4]\n\n"


@pytest.mark.parametrize("marks", [(), ("file",)])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_other_places_take_no_more_than_their_share(marks: tuple[FimRole, ...], count: int) -> None:
    excerpts = tuple(Excerpt(f"{each}.py", "value = 1\n" * 30) for each in range(count))
    prompt = with_excerpts(replace(MODEL, fim_marks=marks), excerpts=excerpts)
    spent = sum(part.tokens_max if isinstance(part, Text) else 1 for part in prompt[:-5])
    assert spent <= PROMPT_TOKENS_MAX * EXCERPTS_SHARE + NAME_TOKENS_MAX + 2
    assert sum(text.tokens_max for text in texts(prompt)) <= PROMPT_TOKENS_MAX


def test_more_behind_it_changes_nothing_of_an_excerpt() -> None:
    excerpts = tuple(Excerpt(f"{each}.py", "value = 1\n" * 9) for each in range(9))
    alone, more = (with_excerpts(MODEL, excerpts=excerpts[:count]) for count in (2, 9))
    assert more[:2] == alone[:2]


def test_a_model_with_little_room_sees_its_own_file_only() -> None:
    small = replace(MODEL, context_tokens=1024)
    assert with_excerpts(small) == with_excerpts(small, excerpts=())
