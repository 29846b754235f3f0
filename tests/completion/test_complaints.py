"""What people complain about in other assistants that complete code: tests that are named after complaints.

The server is real. Where it matters what a model writes, the model is `writer`, a server of text on loopback
that writes what the test says, so that a complaint is provoked and not waited for. Elsewhere it is the
embedded one.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cope_lsp.engine.fim_formats import FIM_FORMATS, FimFormat
from tests.completion.ghost import (
    ASKED,
    UNASKED,
    Case,
    Ghost,
    cases,
    compiles,
    holes,
    named,
    started,
)
from tests.completion.writer import writer
from tests.server.conftest import StartServer, servers_in
from tests.server.places import PLACES, empty_range, end_of, find_offer, find_offers
from tests.server.wire_client import (
    COMMAND,
    INLINE,
    Json,
    WireClient,
    change_message,
    inline_params,
    insertion,
    message,
    wait_until,
)

NOTHING: Json = {"items": []}
KEYS = 30
KEY_INTERVAL_S = 0.04
NO_PAUSE_S = 0.2
SLOW_S = 0.4


@pytest.fixture(scope="module")
def ghost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ghost]:
    folder = tmp_path_factory.mktemp("ghost")
    with writer() as model, servers_in(folder) as start:
        yield started(folder, start, model)


@pytest.fixture
def make_ghost(tmp_path: Path, start_server: StartServer) -> Iterator[Callable[..., Ghost]]:
    with writer() as model:
        yield lambda **environment: started(tmp_path, start_server, model, **environment)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with servers_in(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireClient]:
    """An editor with the embedded model, and without any setting."""
    with servers_in(tmp_path_factory.mktemp("embedded")) as start:
        client = start()
        client.initialize()
        yield client


# -- 1: nothing appears and no reason is given --------------------------------------------------------


WORDLESS = {
    "disabled": {"COPE_LSP_COMPLETION_ENABLED": "false"},
    "manual": {"COPE_LSP_COMPLETION_TRIGGER": "manual"},
    "excluded": {"COPE_LSP_COMPLETION_OFF_IN": "python"},
    "model-unavailable": {"COPE_LSP_MODEL_PATH": "/nowhere/model.gguf"},
}


@pytest.mark.parametrize("reason", WORDLESS)
def test_nothing_appears_and_no_reason_is_given_for_a_setting(start_server: StartServer, reason: str) -> None:
    """continuedev/continue#4611, #2494: an editor without ghost text looks the same whatever the cause."""
    client = start_server(**WORDLESS[reason])
    client.initialize()
    uri = client.open(PLACES[0])
    assert client.inline(uri, *end_of(PLACES[0]), triggerKind=UNASKED) == NOTHING
    status = client.status()
    assert status["lastSilence"] == reason
    assert status["kind"] in {"Inactive", "Error"}
    assert status["message"], "there is a sentence for the user"


SILENT = (
    ("empty", "def main():\n    ‸\n", "\n"),
    ("repeats-suffix", "def double(x):\n    ‸\n    return 2 * x\n", "return 2 * x"),
    ("too-short", "x = ‸\n", "1"),
    ("marks-in-text", "x = ‸\n", "<|fim_middle|>"),
    ("adds-error", "def double(x):\n    ‸\n", "return ) 2"),
)


@pytest.mark.parametrize(("reason", "document", "writes"), SILENT, ids=[reason for reason, *_ in SILENT])
def test_nothing_appears_and_no_reason_is_given_for_what_the_model_wrote(
    ghost: Ghost, reason: str, document: str, writes: str
) -> None:
    """ggml-org/llama.vscode#8: the model writes something, a filter drops it, and nobody says so."""
    assert ghost.items(document, writes) == []
    assert ghost.client.status()["lastSilence"] == reason


def test_nothing_appears_and_no_reason_is_given_on_the_command_line(tmp_path: Path) -> None:
    """TabbyML/tabby#55: who looks for the cause in a terminal finds none either."""
    file = tmp_path / "a.ts"
    file.write_text("const a = ")
    command = [*COMMAND[:-2], "complete", str(file), "--line", "0", "--character", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "language" in done.stdout
    assert "trained on python only, not on typescript" in done.stdout


# -- 2: slow on a CPU, and a timeout gives nothing ----------------------------------------------------


def test_a_slow_model_times_out_and_nothing_appears(make_ghost: Callable[..., Ghost]) -> None:
    """TabbyML/tabby#942, huggingface/llm.nvim#83: what was written until the deadline is thrown away."""
    ghost = make_ghost()
    assert ghost.shown("value = ‸\n", "first(items)") == "first(items)"
    ghost.model.may_go_on.clear()
    before, whole = "total = ", "compute(values)"
    ghost.model.texts = (whole,)
    uri = ghost.client.open(before)
    asked = ghost.client.request(INLINE, inline_params(uri, *end_of(before), triggerKind=UNASKED))
    wait_until(lambda: len(ghost.model.prompts) == 2, "the model is asked")
    assert ghost.client.status()["version"], "meanwhile everything else is answered"
    assert asked not in ghost.client.responses
    (item,) = ghost.client.result(asked)["items"]
    assert item["insertText"] == whole


# -- 3: a request at every key heats the machine ------------------------------------------------------


def test_every_key_asks_the_model_though_another_one_follows(make_ghost: Callable[..., Ghost]) -> None:
    """ggml-org/llama.vscode#161, llama.vim PR#66: a slow model is asked thirty times for thirty keys."""
    ghost = make_ghost()
    ghost.model.seconds = SLOW_S
    for _ in range(3):  # how slow it is must be known
        ghost.shown("value = ‸\n", "first(items)")
    asked_before, pauses, last = len(ghost.model.prompts), 0, time.monotonic()
    uri, line = ghost.client.open(""), ""
    for n, key in enumerate("total_of_all_items = sum_of(a,b)"[:KEYS]):
        ghost.client.send(
            change_message(uri, insertion(0, len(line), key), version=n + 2),
            {"id": ghost.client.next_id()}
            | message(INLINE, inline_params(uri, 0, len(line) + 1, triggerKind=UNASKED)),
        )
        line += key
        time.sleep(KEY_INTERVAL_S)
        pauses += time.monotonic() - last > NO_PAUSE_S  # a busy machine may type more slowly than we want
        last = time.monotonic()
    ghost.client.inline(uri, 0, len(line), triggerKind=UNASKED)
    assert len(ghost.model.prompts) - asked_before <= 3 + pauses


def test_keys_that_arrive_together_ask_the_model_once_for_each_of_them(ghost: Ghost) -> None:
    """The same, for an editor that was held up: only the last of its questions is worth an answer."""
    uri, text = ghost.client.open("x = "), "compute_everything"
    asked_before, ids = len(ghost.model.prompts), [ghost.client.next_id() for _ in text]
    ghost.model.texts = ("_again(items)",)
    batch: list[Json] = []
    for n, (request, key) in enumerate(zip(ids, text, strict=True)):
        batch.append(change_message(uri, insertion(0, 4 + n, key), version=n + 2))
        ask = message(INLINE, inline_params(uri, 0, 5 + n, triggerKind=UNASKED))
        batch.append({"id": request} | ask)
    ghost.client.send(*batch)
    answers = [ghost.client.result(request) for request in ids]
    assert answers[-1]["items"]
    assert len(ghost.model.prompts) - asked_before <= 2


# -- 4: it repeats what is there ----------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("repeats"), ids=named)
def test_it_repeats_code_that_is_there(ghost: Ghost, case: Case) -> None:
    """continuedev/continue#4721, #1552, llama.vim PR#71."""
    ghost.check(case)


# -- 5: wrong indentation -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("indentation"), ids=named)
def test_indentation_is_wrong_above_all_in_python(ghost: Ghost, case: Case) -> None:
    """ggml-org/llama.vscode#72, #39, milanglacier/minuet-ai.nvim#68."""
    ghost.check(case)


@pytest.mark.parametrize("kind", [ASKED, UNASKED], ids=["asked", "unasked"])
def test_accepted_code_does_not_compile(embedded: WireClient, kind: int) -> None:
    """continuedev/continue#1032: one more error in a file that had none, of which CPython is the judge."""
    shown = 0
    for before, after in holes():
        uri = embedded.open(before + after)
        for item in embedded.inline(uri, *end_of(before), triggerKind=kind)["items"]:
            shown += 1
            assert compiles(before + item["insertText"] + after), (before[-200:], item["insertText"])
    assert shown, "the model is silent everywhere"


# -- 6: marks and chatter leak, and the user must guess a template ------------------------------------------

COMMENT = "# the ‸\n"
"""Where no syntax tells code from a mark."""


@pytest.mark.parametrize("family", FIM_FORMATS, ids=lambda family: family.family)
def test_marks_of_the_prompt_leak_into_the_text(
    tmp_path: Path, start_server: StartServer, family: FimFormat
) -> None:
    """continuedev/continue#2953, huggingface/llm-ls#92: tokens that a server writes out as text."""
    with writer(f"org/{family.family.split(', ')[0]}") as model:
        ghost = started(tmp_path, start_server, model)
        for mark in (*family.names().values(), *family.ends):
            assert ghost.shown(COMMENT, f"sum of all{mark}import os") == "sum of all"
            assert ghost.shown(COMMENT, f"{mark}sum of all") == ""


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|endoftext|>", "</s>", "<fim_middle>", "<EOT>"])
def test_marks_of_another_model_leak_into_the_text(ghost: Ghost, mark: str) -> None:
    """QwenLM/Qwen3-Coder#94: also those of a model whose name says nothing."""
    assert ghost.shown(COMMENT, f"sum of all{mark}import os") == "sum of all"
    assert ghost.shown(COMMENT, f"{mark}sum of all") == ""


@pytest.mark.parametrize("case", cases("leaks"), ids=named)
def test_the_model_chats_instead_of_completing(ghost: Ghost, case: Case) -> None:
    """continuedev/continue#3153, twinnydotdev/twinny#276."""
    ghost.check(case)


@pytest.mark.parametrize(
    ("name", "mark"),
    [("Qwen/Qwen2.5-Coder-1.5B", "<|fim_prefix|>"), ("bigcode/starcoder2-3b", "<fim_prefix>"), ("org/x", "")],
)
def test_the_user_must_guess_the_template_of_the_model(
    tmp_path: Path, start_server: StartServer, name: str, mark: str
) -> None:
    """milanglacier/minuet-ai.nvim#33, huggingface/llm-ls#111: the name says it; one unknown gets none."""
    with writer(name) as model:
        ghost = started(tmp_path, start_server, model)
        assert ghost.shown("def double(x):\n    return ‸\n\n\nprint(double(2))\n", "twice(x)") == "twice(x)"
    (prompt,) = model.prompts
    assert (mark in prompt) if mark else ("<" not in prompt)


# -- 7: Tab fights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", ["    ", "\t", "\n", "\n    ", "        \n", ")", ":", "x"])
def test_tab_fights_the_indentation(ghost: Ghost, writes: str) -> None:
    """microsoft/vscode#252507, zed#25406, tabby#2674: Tab takes what nobody sees, where it should indent.

    That Tab indents where nothing is offered is in tests/editors/test_neovim_keys.py.
    """
    for document in ("def main():\n    ‸\n", "def main():\n‸\n", "def main():\n    x = 1\n    ‸"):
        assert ghost.items(document, writes) == []


def test_tab_fights_the_menu(ghost: Ghost) -> None:
    """continuedev/continue#2987: a suggestion goes on from what is selected in the menu, or there is none."""
    before, entry = "import os\n\nfor name in os.li", "listdir"
    ghost.model.texts = ("(path):",)
    uri, (line, end) = ghost.client.open(before), end_of(before)
    where = {"start": {"line": line, "character": end - 2}, "end": {"line": line, "character": end}}
    selected = {"range": where, "text": entry}
    answer = ghost.client.inline(uri, line, end, triggerKind=UNASKED, selectedCompletionInfo=selected)
    (item,) = answer["items"]
    assert (item["insertText"], item["range"]) == (f"{entry}(path):", where)


# -- 8: too eager -------------------------------------------------------------------------------------


def test_it_is_too_eager_inside_of_a_word(ghost: Ghost) -> None:
    """microsoft/vscode-copilot-release#8495: somebody corrects a name, and a suggestion jumps in."""
    asked_before = len(ghost.model.prompts)
    assert ghost.items("environment = 1\nprint(environ‸ment)\n", "ment_of(x)") == []
    assert len(ghost.model.prompts) == asked_before, "it did not even cost anything"


def test_it_is_too_eager_for_who_wants_it_by_a_key_only(make_ghost: Callable[..., Ghost]) -> None:
    """microsoft/vscode-copilot-release#13661."""
    ghost = make_ghost(COPE_LSP_COMPLETION_TRIGGER="manual")
    assert ghost.items("value = ‸\n", "first(items)") == []
    assert ghost.model.prompts == []
    assert ghost.shown("value = ‸\n", "first(items)", kind=ASKED) == "first(items)"


def test_it_is_too_eager_for_who_wants_it_after_a_pause(make_ghost: Callable[..., Ghost]) -> None:
    """microsoft/vscode#256291: each key comes before the pause is over; only after the last it is."""
    ghost = make_ghost(COPE_LSP_COMPLETION_TRIGGER="idle", COPE_LSP_COMPLETION_IDLE_MS="1500")
    assert ghost.shown("other = ‸\n", "first(items)", kind=ASKED), "the model is there"
    asked_before, asked = len(ghost.model.prompts), []
    uri = ghost.client.open("")
    for n, key in enumerate("value = "):
        ghost.client.change(uri, insertion(0, n, key), version=n + 2)
        asked.append(ghost.client.request(INLINE, inline_params(uri, 0, n + 1, triggerKind=UNASKED)))
        time.sleep(KEY_INTERVAL_S)
    assert [ghost.client.result(request) for request in asked[:-1]] == [None] * (len(asked) - 1)
    assert ghost.client.result(asked[-1])["items"]
    assert len(ghost.model.prompts) - asked_before == 1


def test_it_is_too_eager_while_somebody_wants_quiet(make_ghost: Callable[..., Ghost]) -> None:
    """copilot-intellij-feedback#257: off for a quarter of an hour, without looking for a setting."""
    ghost = make_ghost()
    ghost.client.command("cope.server.snooze", {"minutes": 15})
    assert ghost.items("value = ‸\n", "first(items)") == []
    assert ghost.client.status()["lastSilence"] == "snoozed"
    assert ghost.shown("value = ‸\n", "first(items)", kind=ASKED) == "first(items)"
    ghost.client.command("cope.server.snooze", {"minutes": 0})
    assert ghost.shown("other = ‸\n", "first(items)") == "first(items)"


# -- 14: "local" needs the network --------------------------------------------------------------------

_ALONE = ("unshare", "--user", "--map-root-user", "--net")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare of util-linux")
def test_local_completion_needs_the_network(start_server: StartServer) -> None:
    """TabbyML/tabby#2856, zed#53745: without any network, not even loopback, it works as it comes."""
    client = start_server(command=(*_ALONE, *COMMAND))
    client.initialize()
    assert find_offer(client).text


# -- 15: memory ---------------------------------------------------------------------------------------


def test_each_editor_window_holds_a_model_in_memory(start_server: StartServer) -> None:
    """copilot-language-server-release#35, copilot.lua#667."""
    windows = [start_server() for _ in range(3)]
    for window in windows:
        window.initialize()
        find_offer(window)
    assert len({window.status()["engine"]["pid"] for window in windows}) == 1


def test_a_model_stays_in_memory_that_nobody_uses(start_server: StartServer) -> None:
    """ggml-org/llama.cpp#4598, #11703: it is unloaded, and loaded again by the next key."""
    client = start_server(COPE_LSP_ENGINE_IDLE_S="1")
    client.initialize()
    offer = find_offer(client)
    wait_until(lambda: client.status()["engine"] is None, "the engine has ended")
    wait_until(lambda: not client.workers(), "its process is gone")
    uri = client.open(f"# again\n{offer.before}")
    client.inline(uri, *end_of(f"# again\n{offer.before}"))
    assert client.status()["lastSilence"] != "model-unavailable"


# -- close behind -------------------------------------------------------------------------------------


def test_accepting_quickly_doubles_what_was_typed(ghost: Ghost) -> None:
    """neovim#36529: the suggestion is inserted as it was asked for, behind its own beginning."""
    (item,) = ghost.typed_meanwhile("value = ", "compute(items)", "comp")
    assert item["insertText"] == "ute(items)"
    assert item["range"] == empty_range(0, len("value = comp"))


def test_what_is_shown_is_stale(ghost: Ghost) -> None:
    """A suggestion for a text that is no longer there."""
    assert ghost.typed_meanwhile("value = ", "compute(items)", "other") == []


def test_setup_is_too_hard(embedded: WireClient) -> None:
    """SilasMarvin/lsp-ai#2, #57, #87: without one setting, without a download, there is ghost text."""
    assert embedded.environment.keys().isdisjoint({"COPE_LSP_MODEL_PATH", "COPE_LSP_MODEL_ENDPOINT"})
    assert find_offers(embedded)
