"""Makes the pictures of the documents: COPE_LSP_SCREENSHOTS=1 pytest tests/editors/vscode -k pictures."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import EXTENSION, windows
from tests.editors.vscode.samples import EASY, NEEDED_PLAN, NEEDS_PLAN
from tests.editors.vscode.window import Window
from tests.models.provider import Provider, write_prices

pytestmark = pytest.mark.timeout(120, func_only=True)

IMAGES = EXTENSION / "images"
BYTES_MAX = 100_000
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PLAIN = {
    "security__workspace__trust__enabled": False,
    "breadcrumbs__enabled": False,
    "editor__occurrencesHighlight": "off",
    "window__commandCenter": False,
    "window__menuBarVisibility": "hidden",
    "window__autoDetectColorScheme": True,
    "workbench__activityBar__location": "hidden",
    "workbench__layoutControl__enabled": False,
    "workbench__sideBar__location": "right",
}
"""The parts of the window that tell nothing of us are not shown."""

Take = Callable[..., None]


@pytest.fixture(scope="module")
def hosted() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def window(
    vscode: CodeServer, browser: Browser, hosted: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "cope-lsp").mkdir()
    write_prices(folder / "cope-lsp" / "prices.toml", hosted.url)
    vscode.configure(**PLAIN)
    with windows(vscode, browser, folder) as start:
        opened = start(COPE_LSP_HOSTED_ENDPOINT=hosted.url, COPE_LSP_CASCADE_EXTRA_ROUNDS="0")
        opened.page.set_viewport_size({"width": 960, "height": 540})
        opened.press("Control+b")
        yield opened


@pytest.fixture
def take(window: Window) -> Take:
    window.dismiss()
    window.run("View: Close All Editors")

    def in_both_themes(name: str) -> None:
        for theme in THEMES:
            window.page.emulate_media(color_scheme=theme)
            kind = "vs-dark" if theme == "dark" else "vs"
            expect(window.page.locator(f".monaco-workbench.{kind}")).to_be_visible()
            file = IMAGES / f"{name}-{theme}.png"
            file.parent.mkdir(exist_ok=True)
            window.page.screenshot(path=file, animations="disabled", caret="hide")
            assert file.stat().st_size < BYTES_MAX

    return in_both_themes


def test_ghost_text(window: Window, take: Take) -> None:
    text = "import os\n\n\ndef add(a, b):\n    "
    window.new(text, "sums.py")
    window.go_to_end_of(text)
    window.type("return ")
    assert window.ghost_within(10)
    take("ghost-text")
    window.press("Escape", "Control+s")


def test_draft(window: Window, take: Take) -> None:
    file = window.new(EASY, "shop.py")
    window.lens("Implement with cope").click()
    window.wait_for_draft("return price * 2")
    take("draft")
    window.button("Discard").click()
    window.wait_for_tab(file.name)


def test_consent_and_plan(window: Window, take: Take, hosted: Provider) -> None:
    hosted.text = NEEDED_PLAN
    window.new(NEEDS_PLAN, "speed.py")
    window.go(1, 5)
    window.run("Cope: Plan Function at Cursor")
    window.answer("")
    expect(window.modal).to_be_visible()
    take("consent")
    window.decide("Allow for this project")
    window.wait_for_tab("Plan for speed_summary.md")
    window.wait_for_keys()
    take("plan")
    window.run("Cope: Discard Plan")


def test_budget(window: Window, take: Take) -> None:
    window.run("Cope: Show Budget")
    assert window.choices("Budget")
    take("budget")
    window.press("Escape")


def test_walkthrough(window: Window, take: Take) -> None:
    window.run("Cope: Open Walkthrough")
    expect(window.page.locator(".getting-started-step .step-title").first).to_be_visible()
    take("walkthrough")
