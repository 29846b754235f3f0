"""Whether ghost text is wanted: by which trigger, in which files, and not while it is snoozed."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.completion.trigger import SNOOZE_MINUTES_MAX, Trigger
from cope_lsp.config import Config
from cope_lsp.values import CompletionRequest, Document, Silence, Suggestion

NOON = 1_700_000_000.0


@dataclass(slots=True)
class Clock:
    """A time of day that a test sets."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def request(
    path: str = "/home/me/project/shop.py", language: str = "python", *, explicit: bool = False
) -> CompletionRequest:
    uri = path if ":" in path else Path(path).as_uri()
    return CompletionRequest(Document(uri, language, "x = "), 4, explicit)


def trigger(**settings: Any) -> Trigger:
    return Trigger(replace(Config(), **{f"completion_{name}": value for name, value in settings.items()}))


def reasons(of: Trigger, **place: str) -> tuple[str, str]:
    """Return why there is nothing unasked, and why there is nothing for who asks; "" where there may be."""
    silences = [of.silence(request(**place, explicit=explicit)) for explicit in (False, True)]
    unasked, asked = (silence.reason if silence else "" for silence in silences)
    return unasked, asked


def test_by_default_ghost_text_comes_everywhere() -> None:
    assert reasons(trigger()) == ("", "")
    assert trigger().idle_s == 0


def test_manual_is_silent_unless_asked() -> None:
    manual = trigger(trigger="manual")
    assert reasons(manual) == ("manual", "")
    silence = manual.silence(request())
    assert silence
    assert silence.detail == "completion.trigger is manual"


def test_idle_waits_for_a_pause() -> None:
    idle = trigger(trigger="idle", idle_ms=900)
    assert reasons(idle) == ("", "")
    assert idle.idle_s == 0.9
    assert trigger(trigger="auto", idle_ms=900).idle_s == 0


# -- where --------------------------------------------------------------------------------------------

AREAS: list[tuple[str, str, str, bool]] = [
    # entry, path, language, whether it is named
    ("markdown", "/home/me/README.md", "markdown", True),
    ("markdown", "/home/me/README.md", "python", False),
    ("markdown", "untitled:1", "markdown", True),
    ("*.env", "/home/me/project/.env", "plaintext", True),
    ("*.env", "/home/me/project/deep/prod.env", "plaintext", True),
    ("*.env", "/home/me/project/env.py", "python", False),
    ("*.env", "untitled:1", "plaintext", False),
    ("Makefile", "/home/me/project/Makefile", "makefile", True),
    ("python", "/home/me/python/shop.ts", "typescript", False),  # a folder with the name of a language
    ("python/", "/home/me/python/shop.ts", "typescript", True),
    ("tests/**", "/home/me/project/tests/a/test_b.py", "python", True),
    ("tests/**", "/home/me/project/tests.py", "python", False),
    ("tests/", "/home/me/project/tests/a/test_b.py", "python", True),
    ("src/generated", "/home/me/project/src/generated/a.py", "python", True),
    ("src/*.py", "/home/me/project/src/a.py", "python", True),
    ("src/*.py", "/home/me/project/src/deep/a.py", "python", False),
    ("/home/me/work/**", "/home/me/work/a.py", "python", True),
    ("/work/**", "/home/me/work/a.py", "python", False),
    ("caf*", "/home/me/café.py", "python", True),
    ("café.py", "/home/me/café.py", "python", True),
    ("*.ipynb", "vscode-notebook-cell:/home/me/secrets/a.ipynb#W0sZmlsZQ", "python", True),
    ("secrets/", "vscode-notebook-cell:/home/me/secrets/a.ipynb#W0sZmlsZQ", "python", True),
    ("secrets/", "untitled:/home/me/secrets/new.py", "python", True),
    ("secrets/", "file:///home/me/C#/secrets/a.py", "python", True),
    ("*.py", "file:///home/me/C#/secrets/a.py", "python", True),
    ("~/notes/**", f"{Path.home()}/notes/a.md", "markdown", True),
    ("~/notes/**", "/elsewhere/notes/a.md", "markdown", False),
]


@pytest.mark.parametrize(("entry", "path", "language", "is_named"), AREAS)
def test_a_place_is_named_by_its_language_or_by_a_glob(
    entry: str, path: str, language: str, *, is_named: bool
) -> None:
    place = {"path": path, "language": language}
    assert reasons(trigger(manual_in=("no-such", entry)), **place) == ("manual" if is_named else "", "")
    off = trigger(off_in=(entry, "no-such"))
    assert reasons(off, **place) == (("excluded", "excluded") if is_named else ("", ""))


def test_the_entry_that_silences_is_named() -> None:
    silence = trigger(off_in=("*.txt", "shop.*")).silence(request())
    assert silence == Silence("excluded", "completion.off_in has shop.*")
    silence = trigger(manual_in=("python",)).silence(request())
    assert silence == Silence("manual", "completion.manual_in has python")


def test_off_is_more_than_manual() -> None:
    both = trigger(trigger="manual", manual_in=("python",), off_in=("python",))
    assert reasons(both) == ("excluded", "excluded")


# -- snooze -------------------------------------------------------------------------------------------


def test_a_snooze_ends_by_itself_and_holds_for_what_nobody_asked_for() -> None:
    clock = Clock()
    snoozed = Trigger(Config(), clock)
    snoozed.snooze(15)
    assert reasons(snoozed) == ("snoozed", "")
    silence = snoozed.silence(request())
    assert silence
    assert re.fullmatch(r"snoozed until \d\d:\d\d", silence.detail)
    clock.now += 15 * 60 - 1
    assert reasons(snoozed) == ("snoozed", "")
    clock.now += 1
    assert reasons(snoozed) == ("", "")
    assert snoozed.snooze_words() == ""


def test_a_snooze_is_replaced_and_ended() -> None:
    clock = Clock()
    snoozed = Trigger(Config(), clock)
    ends = []
    for minutes in (60, 5, 0):
        snoozed.snooze(minutes)
        ends.append(snoozed.snoozed_until)
    assert ends == [NOON + 3600, NOON + 300, None]
    assert reasons(snoozed) == ("", "")


def test_a_snooze_outlives_other_settings() -> None:
    snoozed = trigger()
    snoozed.snooze(5)
    snoozed.use(replace(Config(), completion_trigger="manual"))
    assert reasons(snoozed) == ("snoozed", "")
    snoozed.snooze(0)
    assert reasons(snoozed) == ("manual", "")


def test_no_snooze_is_longer_than_a_day() -> None:
    clock = Clock()
    snoozed = Trigger(Config(), clock)
    snoozed.snooze(10**9)
    ends = [snoozed.snoozed_until]
    clock.now -= 1  # and a clock that is set back makes it none
    ends.append(snoozed.snoozed_until)
    assert ends == [NOON + 60 * SNOOZE_MINUTES_MAX, None]


# -- the assistant ------------------------------------------------------------------------------------


async def test_the_assistant_is_silent_where_it_should_be_and_answers_who_asks() -> None:
    assistant = Assistant.from_config(replace(Config(), completion_trigger="manual"))
    text = "import os\nimport sys\n\n\ndef main():\n"
    document = Document("file:///a.py", "python", text)
    silence, suggestion = [
        await assistant.complete(CompletionRequest(document, len(text), explicit))
        for explicit in (False, True)
    ]
    assert silence == Silence("manual", "completion.trigger is manual")
    assert isinstance(suggestion, Suggestion)
    assistant.use(replace(Config(), completion_off_in=("*.py",)))
    off = await assistant.complete(CompletionRequest(document, len(text), explicit=True))
    assert off == Silence("excluded", "completion.off_in has *.py")
    await assistant.close()
