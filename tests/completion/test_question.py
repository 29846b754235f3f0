"""What becomes of a model's texts. The model is a server on loopback that writes what a case says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import consent_folder
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import Completion, CompletionRequest, Document, Silence, Suggestion
from tests.completion.writer import Writer, writer

BODY = "def total(prices):\n    ‸\n"
LINE = "def total(prices):\n    found = ‸\n    return found\n"


class Asking:
    """A completer whose model writes what it is told to."""

    def __init__(self, model: Writer, completer: Completer) -> None:
        self._model = model
        self._completer = completer

    async def at(
        self, marked: str, *texts: str, explicit: bool = True, language: str = "python"
    ) -> Completion:
        """Return what is made of `texts` at ‸: the first of them is the likeliest."""
        self._model.texts = texts
        before, after = marked.split("‸")
        document = Document(f"file://{Path.cwd()}/{len(self._model.prompts)}.py", language, before + after)
        return await self._completer.complete(CompletionRequest(document, len(before), explicit))

    @property
    def times_asked(self) -> int:
        return len(self._model.prompts)


@pytest.fixture
async def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asking]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with writer() as server:
        ConsentStore().record(consent_folder(), server.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=server.url))
        syntax = SyntaxReader()
        await syntax.scene("python", "", 0)  # starts it, which takes longer than a key may
        yield Asking(server, Completer(model, syntax, Pace()))
        await model.close()
        await syntax.close()


def shown(completion: Completion) -> tuple[str, ...]:
    assert isinstance(completion, Suggestion), completion
    return (completion.text, *completion.others)


async def test_who_asks_is_shown_what_is_different_the_most_frequent_first(asking: Asking) -> None:
    completion = await asking.at(LINE, "sum(prices)", "max(prices)", "max(prices)", "min(prices)")
    assert set(shown(completion)) == {"sum(prices)", "max(prices)", "min(prices)"}
    assert len(shown(completion)) == 3


async def test_who_types_is_shown_the_likeliest_alone(asking: Asking) -> None:
    completion = await asking.at(LINE, "sum(prices)", "max(prices)", explicit=False)
    assert shown(completion) == ("sum(prices)",)
    assert asking.times_asked == 1


async def test_what_adds_an_error_is_replaced_by_the_next_text(asking: Asking) -> None:
    for explicit in (False, True):
        completion = await asking.at(LINE, "sum(prices))", "max(prices)", explicit=explicit)
        assert shown(completion) == ("max(prices)",)


LONG_TABLE = "T = {\n" + "1: 'a',\n" * 250 + "‸\n" + "2: 'b',\n" * 250 + "}\n"
"""In column 0: its rows look like statements."""


async def test_where_a_piece_of_a_document_tells_nothing_the_whole_of_it_is_read(asking: Asking) -> None:
    completion = await asking.at(LONG_TABLE, "value = compute(1)", "3: 'c',", explicit=False)
    assert shown(completion) == ("3: 'c',",)


async def test_a_row_of_a_long_table_is_no_statement(asking: Asking) -> None:
    table = LONG_TABLE.replace("1:", "    1:").replace("2:", "    2:").replace("‸", "    ‸")
    completion = await asking.at(table, "value = compute(1)", "3: 'c',", explicit=False)
    assert shown(completion) == ("3: 'c',",)


async def test_a_block_is_cut_before_the_line_that_adds_an_error(asking: Asking) -> None:
    completion = await asking.at(BODY, "found = 0\n    for price in prices:\n        found += )\n")
    assert shown(completion)[0] == "found = 0"


async def test_nothing_sound_is_silence_which_leads_who_asked_to_drafts(asking: Asking) -> None:
    silence = await asking.at(LINE, "sum(prices))")
    assert isinstance(silence, Silence)
    assert (silence.reason, silence.offers_solve) == ("adds-error", True)
    silence = await asking.at(LINE, "sum(prices))", explicit=False)
    assert isinstance(silence, Silence)
    assert (silence.reason, silence.offers_solve) == ("adds-error", False)


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("found = ‸\n", "python"),
        ("class A:\n    found = ‸\n", "python"),
        ("function f() {\n    g(‸);\n}\n", "javascript"),
    ],
)
async def test_where_no_function_can_be_drafted_none_is_offered(
    asking: Asking, marked: str, language: str
) -> None:
    silence = await asking.at(marked, "1 2]", language=language)
    assert isinstance(silence, Silence)
    assert (silence.reason, silence.offers_solve) == ("adds-error", False)


async def test_half_a_surrogate_pair_below_does_no_harm(asking: Asking) -> None:
    assert shown(await asking.at("def f(a):\n    ‸\n\ud83d\n", "return a"))


async def test_a_line_as_long_as_a_file_is_answered(asking: Asking) -> None:
    row = '{"k": "v"}, ' * 80_000
    await asking.at(f"x = [{row}‸\n", '{"k": "v"}')


async def test_a_server_that_goes_away_takes_nothing_along_that_was_found(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking._model, "answers_max", 1)
    assert shown(await asking.at(LINE, "sum(prices)")) == ("sum(prices)",)


async def test_other_silence_leads_nowhere(asking: Asking) -> None:
    silence = await asking.at("x = 1\ntotal = 2\n‸", "total = 2")
    assert isinstance(silence, Silence)
    assert (silence.reason, silence.offers_solve) == ("repeats-prefix", False)


async def test_known_names_go_before_made_up_ones(asking: Asking) -> None:
    completion = await asking.at(LINE, "sum(values)", "sum(prices)")
    assert shown(completion)[0] == "sum(prices)"


async def test_who_types_is_not_kept_waiting_for_a_second_text(asking: Asking) -> None:
    asking._model.seconds = 0.5
    silence = await asking.at(LINE, "sum(prices))", "max(prices)", explicit=False)
    assert isinstance(silence, Silence)
    assert asking.times_asked == 1


async def test_a_block_ends_where_the_tree_says(asking: Asking) -> None:
    completion = await asking.at(BODY, "return sum(prices)\n\n\ndef other():\n    pass")
    assert shown(completion) == ("return sum(prices)",)


async def test_in_a_string_no_block_is_begun(asking: Asking) -> None:
    completion = await asking.at('"""It sums:‸\n"""\n', " all prices.\n\nIt returns the sum.")
    assert shown(completion) == (" all prices.",)


@pytest.mark.parametrize("language", ["javascript", "rust"])
async def test_other_languages_are_judged_by_their_grammar(asking: Asking, language: str) -> None:
    marked = "fn f() {\n    g(‸);\n}\n" if language == "rust" else "function f() {\n    g(‸);\n}\n"
    assert shown(await asking.at(marked, "1, 2", language=language)) == ("1, 2",)
    silence = await asking.at(marked, "1 2]", language=language)
    assert isinstance(silence, Silence), silence


async def test_what_no_grammar_reads_is_shown_all_the_same(asking: Asking) -> None:
    assert shown(await asking.at("a = ‸\n", "1))", language="cobol")) == ("1))",)
