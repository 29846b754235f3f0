"""A window of VS Code that a test types into and looks at, as a user would."""

from __future__ import annotations

import contextlib
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import Error, Locator, Page, expect

from tests.editors.neovim import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPEN_S_MAX, LOOK_S_MAX, SOLVE_S_MAX = 60, 20, 90
expect.set_options(timeout=LOOK_S_MAX * 1000)

STATUS = '[id^="cope"].statusbar-item'
GROUP = ".editor-group-container.active"
EDITOR = f"{GROUP} .monaco-editor[role='code']"


@dataclass(slots=True)
class Window:
    """One window with a project folder."""

    page: Page
    project: Path
    files: Iterator[int] = field(default_factory=itertools.count)

    # -- keys -------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type as fast as a keyboard can; a line break is the Enter key."""
        self.page.keyboard.type(text)

    # -- what a user finds by its name ------------------------------------------------------------

    def run(self, title: str) -> None:
        """Choose a command in the palette; it must be there under exactly this title."""
        self._find("F1", f">{title}", title)
        self.press("Enter")

    def _find(self, key: str, text: str, label: str) -> None:
        """Open the list of commands or files with a key, and type until the entry is in front.

        The list closes again where a document that was just opened takes the keys.
        """
        row = self.page.locator(".quick-input-list .monaco-list-row.focused")
        wanted = re.compile(rf"{re.escape(label)}(,|$)")

        def is_in_front() -> bool:
            if not self.quick_input.is_visible():
                self.press(key)
            box = self.quick_input.locator("input")
            with contextlib.suppress(Error):
                if box.input_value(timeout=1_000) != text:
                    box.fill(text, timeout=1_000)
                return bool(wanted.match(row.get_attribute("aria-label", timeout=1_000) or ""))
            return False

        self.wait(f"the entry {label}", is_in_front)

    def _ask(self, text: str) -> None:
        box = self.page.locator(".quick-input-widget:visible input")
        box.fill(text)

    @property
    def quick_input(self) -> Locator:
        """The box in which the editor asks for a text or a choice."""
        return self.page.locator(".quick-input-widget:visible")

    def answer(self, text: str) -> None:
        """Type into the box in which the editor asks for a text."""
        expect(self.quick_input).to_be_visible()
        self._ask(text)
        self.press("Enter")

    def choices(self, title: str) -> list[str]:
        """The entries of the list with this title, as a screen reader says them."""
        expect(self.quick_input.locator(".quick-input-title")).to_contain_text(title)
        rows = self.quick_input.locator(".monaco-list-row")
        expect(rows.first).to_be_visible()
        return [label or "" for label in rows.evaluate_all(LABELS)]

    def choose(self, text: str) -> None:
        """Choose the entry of the list that is open with this text in it."""
        self.quick_input.locator(".monaco-list-row").filter(has_text=text).first.click()

    # -- documents --------------------------------------------------------------------------------

    def new(self, text: str, name: str = "") -> Path:
        """Write a file of the project, open it, and return its path."""
        path = self.project / (name or f"file{next(self.files)}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self.open(path)
        return path

    def open(self, path: Path) -> None:
        """Open a file by its name and wait until the keys go there."""
        self._find("Control+p", str(path), path.name)
        self.press("Enter")
        self.wait_for_tab(path.name)
        if path.suffix != ".ipynb":
            self.wait_for_keys()

    def tabs(self, name: str) -> Locator:
        """All tabs that show the document of this name."""
        return self.page.get_by_role("tab", name=re.compile(rf"^{re.escape(name)}(,|$)"))

    def wait_for_tab(self, name: str) -> None:
        """Wait until the document of this name is in front."""
        tab = self.page.get_by_role("tab", name=re.compile(rf"^{re.escape(name)}(,|$)"), selected=True)
        expect(tab).to_be_visible()

    def wait_for_plan(self, symbol: str) -> None:
        """Wait until a plan of a function can be read and changed."""
        self.wait_for_tab(f"Plan for {symbol}.md")
        self.wait_for_keys()

    def wait_for_keys(self) -> None:
        """Wait until the keys go to the document in front."""
        self.wait("the keys go to the document", lambda: self.page.evaluate(HAS_KEYS))

    def go(self, line: int, column: int) -> None:
        """Put the cursor at a place; both count from 1, as the editor's own numbers do."""
        self.press("Control+g")
        self._ask(f":{line}:{column}")
        self.press("Enter")
        expect(self.page.locator('[id="status.editor.selection"]')).to_have_text(f"Ln {line}, Col {column}")

    def go_to_end_of(self, text: str) -> None:
        """Put the cursor where a text ends that begins the document."""
        lines = text.split("\n")
        self.go(len(lines), len(lines[-1]) + 1)

    def saved(self, path: Path) -> str:
        """Save the document that has the keys, and return what is in its file."""

        def is_clean() -> bool:
            self.press("Control+s")  # an edit may come after the key, or the palette may still have had it
            return self.page.locator(".tab.active.dirty").count() == 0

        self.wait("the document is saved", is_clean)
        return path.read_text("utf-8")

    def shown(self) -> str:
        """The visible lines of the document, with ghost text in its place."""
        lines = self.page.locator(f"{EDITOR} .view-lines > .view-line").evaluate_all(LINES)
        return "\n".join(lines)

    def log(self) -> str:
        """The visible lines of our log."""
        lines = self.page.locator(".output-view .view-lines > .view-line").evaluate_all(LINES)
        return "\n".join(lines)

    # -- ghost text -------------------------------------------------------------------------------

    def ghost(self) -> str:
        """The ghost text that is shown; empty when there is none."""
        return str(self.page.evaluate(GHOST))

    def ghost_within(self, timeout_s: float) -> str:
        """Wait for ghost text and return all of it; empty when none came."""
        with contextlib.suppress(AssertionError):
            self.wait("ghost text", self.ghost, timeout_s)
        return self.ghost()

    # -- what our extension shows -----------------------------------------------------------------

    def lens(self, title: str) -> Locator:
        """An entry above a line of the document in front."""
        return self.page.locator(".codelens-decoration a").filter(has_text=title).first

    def button(self, name: str) -> Locator:
        """A button above the document in front."""
        return self.page.locator(GROUP).get_by_role("toolbar").get_by_role("button", name=name)

    def draft(self) -> str:
        """The right side of the comparison in front, or nothing."""
        lines = self.page.locator(f"{GROUP} .editor.modified .view-lines > .view-line").evaluate_all(LINES)
        return "\n".join(lines)

    def wait_for_draft(self, text: str) -> None:
        """Wait until a draft with this line is shown beside the document."""
        self.wait(f"a draft with {text}", lambda: text in self.draft(), SOLVE_S_MAX)

    # -- what the editor says ---------------------------------------------------------------------

    @property
    def status(self) -> Locator:
        """Our entry of the status bar."""
        return self.page.locator(STATUS)

    @property
    def modal(self) -> Locator:
        return self.page.locator(".monaco-dialog-box")

    def decide(self, action: str) -> None:
        """Press a button of the question that stands before everything else."""
        self.modal.get_by_role("button", name=action, exact=True).click()
        expect(self.modal).to_have_count(0)

    def dismiss(self) -> None:
        """Close what may stand before the document, as after a test that failed."""
        for _ in range(3):
            self.press("Escape")
        expect(self.modal).to_have_count(0)

    @property
    def notifications(self) -> Locator:
        return self.page.locator(".notification-toast .notification-list-item")

    def says(self, text: str | re.Pattern[str]) -> Locator:
        """Wait for a notification with a text in it."""
        found = self.notifications.filter(has_text=text).first
        expect(found).to_be_visible()
        return found

    def wait(self, what: str, condition: Callable[[], object], timeout_s: float = LOOK_S_MAX) -> None:
        """Wait until a condition holds, and show the window where it does not."""

        def holds() -> object:
            self.page.wait_for_timeout(10)  # lets the page's events arrive
            return condition()

        wait_until(what, holds, timeout_s)

    def describe(self) -> str:
        """What can be seen, in words, for the report of a test that failed."""
        with contextlib.suppress(Error):
            said: str = self.page.evaluate("document.body.innerText.replaceAll('\\u00a0', ' ')")
            return said
        return "the window is gone"


def open_window(page: Page, address: str, project: Path, *, ready: bool = True) -> Window:
    """Open a window and wait until it can be used; with `ready` our server runs, too."""
    page.goto(address, wait_until="domcontentloaded")
    window = Window(page, project)
    expect(page.locator(".monaco-workbench")).to_be_visible(timeout=OPEN_S_MAX * 1000)
    expect(window.status).to_be_visible(timeout=OPEN_S_MAX * 1000)
    if ready:
        expect(window.status.locator(".codicon-check")).to_be_visible(timeout=OPEN_S_MAX * 1000)
    return window


def reload(window: Window) -> None:
    """Load a window anew, with the settings that there are now: a change of their file is not always seen."""
    open_window(window.page, window.page.url, window.project)


def close_window(page: Page) -> None:
    """Close as a user does: the editor hears of it and ends what it started."""
    with contextlib.suppress(Error):
        page.goto("about:blank")


LABELS = "rows => rows.map(row => row.getAttribute('aria-label'))"

LINES = r"""lines => lines
    .map(line => [parseFloat(line.style.top), line.textContent.replaceAll('\u00a0', ' ')])
    .sort((a, b) => a[0] - b[0]).map(line => line[1])"""

HAS_KEYS = "() => !!document.activeElement?.closest('.editor-group-container.active .monaco-editor')"

GHOST = r"""() => {
    const parts = [...document.querySelectorAll('.ghost-text-decoration')].map(part => part.textContent);
    const lines = [...document.querySelectorAll('.suggest-preview-text .view-line')].map(l => l.textContent);
    return [parts.join(''), ...lines].join('\n').replaceAll('\u00a0', ' ').replaceAll('\u200b', '');
}"""
