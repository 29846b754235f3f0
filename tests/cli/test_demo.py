"""`cope-lsp demo`: the main job, as the README promises it."""

from importlib import resources

import pytest

from cope_lsp.cli.demo import PLACES, SAMPLE
from tests.cli.conftest import TIMEOUT_S, Shell, are_gone, descendants, interrupt, is_clean

INTERRUPTED = 130
END_S = 10


def test_every_place_is_the_end_of_something_in_the_sample() -> None:
    text = (resources.files("cope_lsp.cli") / "sample" / SAMPLE).read_text("utf-8")
    for place in PLACES:
        start = text.index(place)
        assert start == 0 or text[start - 1] == "\n"
        assert text[start + len(place)] != "\n", f"the author wrote nothing after {place!r}"


def test_ghost_text_is_shown_beside_what_the_author_wrote(shell: Shell) -> None:
    done = shell.run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Ghost text from cope-nano-v1.gguf on this machine.")
    assert done.stdout.count("<- the author") == len(PLACES)
    offered = int(done.stdout.partition(f" of {len(PLACES)} places")[0].split()[-1])
    assert offered >= 1
    assert not list(shell.temporary.iterdir())


def test_the_story_of_three_functions_is_told_by_the_real_commands(shell: Shell) -> None:
    told = shell.json("demo")["told"]
    assert [step["command"][0] for step in told] == ["solve", "solve", "sent", "budget", "solve"]
    alone, planned, sent, _, refused = (step["printed"] for step in told)
    assert (alone["status"], alone["stage"], alone["proof"]) == ("solved", 1, "tests")
    assert alone["receipt"]["calls"] == []
    assert (planned["status"], planned["stage"], planned["proof"]) == ("solved", 2, "tests")
    assert [call["purpose"] for call in planned["receipt"]["calls"]] == ["plan"]
    assert [call["bytes"] for call in sent] == [planned["receipt"]["calls"][0]["bytes_sent"]]
    assert (refused["status"], refused["reason"]) == ("not-solved", "over-budget")
    assert refused["receipt"]["calls"] == []
    assert shell.json("budget")["calls"] == 0, "the user's own budget knows nothing of it"
    assert shell.json("sent") == []


def test_what_stands_in_for_a_hosted_model_is_said(shell: Shell) -> None:
    done = shell.run("demo")
    assert "cope-nano-large-v1, a tiny model on this machine too, stands in for one" in done.stdout
    assert "solved in stage 2: the tests pass" in done.stderr
    assert "Traceback" not in done.stderr


def test_offline_it_shows_what_needs_no_hosted_model_and_says_why(shell: Shell) -> None:
    done = shell.run("demo", COPE_LSP_OFFLINE="true")
    assert done.returncode == 0, done.stderr
    assert "Offline is on, and then not even a server on loopback is started" in done.stdout
    assert "solved in stage 1: the tests pass" in done.stderr
    assert "stage 2" not in done.stderr


def test_one_json_document_is_printed(shell: Shell) -> None:
    shown = shell.json("demo")["shown"]
    assert [place["before"] for place in shown] == list(PLACES)
    assert all(place.keys() == {"line", "before", "ghost", "author", "milliseconds"} for place in shown)
    assert all(place["milliseconds"] > 0 for place in shown)
    assert any(place["ghost"].strip() for place in shown)


@pytest.mark.parametrize("name", ["no.gguf", "[bold]no.gguf"])
def test_without_a_model_it_fails_and_names_the_doctor(shell: Shell, name: str) -> None:
    done = shell.run("demo", "--model", name)
    assert done.returncode == 1
    assert name in done.stdout
    assert "cope-lsp doctor" in done.stdout
    assert is_clean(done.stderr)


def test_a_reader_of_one_line_ends_it_quietly(shell: Shell) -> None:
    """As in `cope-lsp demo | head -1`."""
    with shell.started("demo") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Ghost text")
        process.stdout.close()
        assert is_clean(process.stderr.read())
        assert process.wait(TIMEOUT_S) in {0, 1}
    assert not list(shell.temporary.iterdir())


@pytest.mark.parametrize("group", [True, False], ids=["terminal", "alone"])
@pytest.mark.parametrize("seen", ["Ghost text", f"{SAMPLE}:24", f"{SAMPLE}:31", f"{SAMPLE}:40"])
def test_an_interrupt_ends_it_quickly_and_leaves_nothing(shell: Shell, seen: str, *, group: bool) -> None:
    with shell.started("demo") as process:
        assert process.stdout is not None
        assert any(line.startswith(seen) for line in process.stdout)
        running = descendants(process)
        interrupt(process, group=group)
        _, errors = process.communicate(timeout=END_S)
        assert process.returncode == INTERRUPTED
        assert errors == ""
    assert are_gone(running, END_S)
    assert not list(shell.temporary.iterdir())


def test_an_interrupt_while_the_model_works_leaves_no_engine(shell: Shell) -> None:
    with shell.started("demo", "--json") as process:
        while len(running := descendants(process)) < 2:
            assert process.poll() is None
        interrupt(process, group=True)
        output, errors = process.communicate(timeout=END_S)
        assert (process.returncode, output, errors) == (INTERRUPTED, "", "")
    assert are_gone(running, END_S)
