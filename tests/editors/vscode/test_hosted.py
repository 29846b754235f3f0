"""Plans of a hosted model in VS Code: after a yes, for what was agreed, within the budget."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import Restart
from tests.editors.vscode.samples import (
    GUIDELINE,
    HARD,
    HARD_ANSWER,
    HARD_TEST,
    NEEDED_PLAN,
    NEEDS_PLAN,
)
from tests.editors.vscode.window import Window, reload
from tests.models.provider import Provider, write_prices

pytestmark = pytest.mark.timeout(240, func_only=True)

KEY = "sk-ant-" + "k3Y" * 12
ALLOW, NOT_NOW, NEVER = "Allow for this project", "Not now", "Never for this project"

UseHosted = Callable[..., None]


@pytest.fixture
def use_hosted(restart: Restart, provider: Provider, tmp_path: Path) -> UseHosted:
    """Let the server have a hosted model whose prices are known."""

    def use(**environment: str) -> None:
        (tmp_path / "cope-lsp").mkdir()
        write_prices(tmp_path / "cope-lsp" / "prices.toml", provider.url)
        hosted = {"COPE_LSP_HOSTED_ENDPOINT": provider.url, "COPE_LSP_TESTS_PYTHON": sys.executable}
        restart(**hosted, COPE_LSP_CASCADE_EXTRA_ROUNDS="0", **environment)

    return use


def ask_for_plan(window: Window, text: str = NEEDS_PLAN, instruction: str = "") -> Path:
    file = window.new(text)
    window.go(1, 5)
    window.run("Cope: Plan Function at Cursor")
    window.answer(instruction)
    return file


@pytest.mark.parametrize("answer", [NOT_NOW, NEVER, None])
def test_the_question_names_host_bytes_and_price_and_without_a_yes_nothing_leaves(
    shared_window: Window, use_hosted: UseHosted, provider: Provider, answer: str | None
) -> None:
    window = shared_window
    use_hosted()
    file = ask_for_plan(window)
    expect(window.modal).to_be_visible()
    asked = window.modal.inner_text()
    assert provider.url in asked
    assert re.search(r"\b\d{3,4} bytes\b", asked)
    assert re.search(r"at most 0\.\d+ USD", asked)
    if answer:
        window.decide(answer)
    else:
        window.press("Escape")
    # The plan is the user's own then; the editor has heard the refusal when it opens.
    window.wait_for_plan("speed_summary")
    assert provider.connections == 0
    window.run("Cope: Discard Plan")
    window.wait_for_tab(file.name)


def test_the_question_is_answered_with_keys_and_enter_alone_is_no_yes(
    shared_window: Window, use_hosted: UseHosted, provider: Provider
) -> None:
    window = shared_window
    use_hosted()
    ask_for_plan(window)
    has_keys = window.modal.locator(":focus")
    expect(has_keys).to_have_text(NOT_NOW)
    window.press("Enter")
    window.wait_for_plan("speed_summary")
    assert provider.connections == 0
    window.run("Cope: Discard Plan")
    ask_for_plan(window)
    expect(window.modal).to_be_visible()
    for _ in range(4):
        if has_keys.inner_text() != ALLOW:
            window.press("Tab")
    expect(has_keys).to_have_text(ALLOW)
    window.press("Enter")
    window.wait_for_plan("speed_summary")
    assert provider.posts == 1
    window.run("Cope: Discard Plan")


def test_a_plan_is_read_changed_and_run(
    shared_window: Window, use_hosted: UseHosted, provider: Provider
) -> None:
    window = shared_window
    use_hosted(COPE_LSP_CASCADE_ESCALATE="never")
    provider.text = "Take the price."
    file = ask_for_plan(window)
    window.modal.wait_for()
    assert provider.connections == 0
    window.decide(ALLOW)
    window.wait_for_plan("speed_summary")
    assert "Take the price." in window.shown()
    assert "bare size of the speed" in provider.bodies[0]
    window.type(NEEDED_PLAN)  # in place of the guideline, which is selected
    window.button("Run").click()
    window.wait_for_draft("abs(speed)")
    window.button("Apply").click()
    window.wait_for_tab(file.name)
    assert "abs(speed)" in window.saved(file)
    assert provider.posts == 1, "what the user changed is not asked for again"
    expect(window.status).to_have_attribute("aria-label", re.compile("0.0004 USD"))


def test_a_function_too_hard_for_the_local_model_is_escalated_once_the_user_agrees(
    shared_window: Window, use_hosted: UseHosted, provider: Provider
) -> None:
    window = shared_window
    use_hosted(COPE_LSP_CASCADE_ESCALATE="ask")
    provider.texts = [GUIDELINE, HARD_ANSWER]
    (window.project / "test_report.py").write_text(HARD_TEST)
    file = window.new(HARD, "report.py")
    window.lens("Implement with cope").click()
    window.modal.wait_for(timeout=90_000)
    assert provider.connections == 0
    assert "in all" in window.modal.inner_text(), "one yes covers the plan and what may follow"
    window.decide(ALLOW)
    window.wait_for_draft("return sorted(set(distances))[-2]")
    assert provider.posts == 2, "a plan, and the function when no draft under the plan passed"
    window.run("Cope: Show Last Receipt")
    window.wait("what it cost", lambda: "Hosted: 2 calls, 0.0008 USD" in window.shown())
    assert file.read_text() == HARD


def limit_a_day(window: Window, usd: str) -> None:
    window.run("Cope: Show Budget")
    assert window.choices("Budget")
    window.choose("Today")
    expect(window.quick_input.locator(".quick-input-title")).to_contain_text("a day may cost")
    window.answer(usd)
    # The list comes back with the new limit.
    expect(window.quick_input.locator(".monaco-list-row").first).to_contain_text(f"of {usd} USD")
    window.press("Escape")


def test_a_call_over_the_budget_is_refused_and_the_user_reads_why(
    shared_window: Window, use_hosted: UseHosted, provider: Provider
) -> None:
    window = shared_window
    use_hosted()
    limit_a_day(window, "0.00001")
    file = ask_for_plan(window)
    window.modal.wait_for()
    window.decide(ALLOW)
    window.says(re.compile("limit|budget"))
    window.wait_for_plan("speed_summary")
    assert provider.connections == 0
    window.run("Cope: Discard Plan")
    window.wait_for_tab(file.name)


def test_what_a_plan_would_send_is_shown_and_not_sent(
    shared_window: Window, use_hosted: UseHosted, provider: Provider
) -> None:
    window = shared_window
    use_hosted()
    window.new(NEEDS_PLAN)
    window.go(1, 5)
    window.run("Cope: Show What a Plan Would Send")
    window.wait(
        "the text", lambda: "bare size of the speed" in window.shown() and provider.url in window.shown()
    )
    assert provider.connections == 0


def test_what_was_sent_can_be_read(shared_window: Window, use_hosted: UseHosted, provider: Provider) -> None:
    window = shared_window
    use_hosted(COPE_LSP_HOSTED_KEEP_SENT="true")
    ask_for_plan(window)
    window.modal.wait_for()
    window.decide(ALLOW)
    window.wait_for_plan("speed_summary")
    window.run("Cope: Discard Plan")
    window.run("Cope: Show What Was Sent")
    (entry,) = window.choices("What left")
    assert provider.url.removeprefix("http://") in entry
    window.press("Enter")
    window.wait("the text", lambda: "bare size of the speed" in window.shown())


def set_key(window: Window, provider: Provider) -> None:
    window.run("Cope: Set API Key")
    expect(window.quick_input.locator(".quick-input-title")).to_have_text(f"API key for {provider.url}")
    expect(window.quick_input.locator("input")).to_have_attribute("type", "password")
    window.answer(KEY)


def plan(window: Window) -> None:
    ask_for_plan(window)
    window.modal.wait_for(timeout=60_000)
    window.decide(ALLOW)
    window.wait_for_plan("speed_summary")
    window.run("Cope: Discard Plan")


def test_the_key_goes_to_the_provider_and_into_no_file_and_no_log(
    shared_window: Window, use_hosted: UseHosted, provider: Provider, vscode: CodeServer, tmp_path: Path
) -> None:
    window, log = shared_window, tmp_path / "server.log"
    vscode.configure(cope__trace__server="verbose", security__workspace__trust__enabled=False)
    reload(window)
    window.run("Developer: Set Log Level...")
    window.choose("cope")
    window.choose("Trace")
    use_hosted(COPE_LSP_HOSTED_KEEP_SENT="true", COPE_LSP_LOG_FILE=str(log), COPE_LSP_LOG_LEVEL="debug")
    set_key(window, provider)
    plan(window)
    assert provider.headers[0]["authorization"] == f"Bearer {KEY}"
    files = [path for home in (vscode.home, tmp_path) for path in home.rglob("*") if path.is_file()]
    texts = {path: path.read_bytes() for path in files}
    assert texts[log]
    traced = [path for path, text in texts.items() if path.name == "cope.log" and b"cope.server.plan" in text]
    assert traced, "messages to the server are in a log"
    assert [path for path, text in texts.items() if KEY.encode() in text] == []
    window.run("Cope: Remove API Key")


def test_the_key_of_one_server_goes_to_no_other_and_to_no_command_that_needs_none(
    shared_window: Window, use_hosted: UseHosted, restart: Restart, provider: Provider, tmp_path: Path
) -> None:
    window, calls = shared_window, tmp_path / "calls"
    calls.mkdir()
    use_hosted(COPE_TEST_CALLS=str(calls))
    set_key(window, provider)
    window.wait("a server that has it", lambda: any(KEY in text for text in environments(calls, "--stdio")))
    limit_a_day(window, "0.10")
    assert [KEY in text for text in environments(calls, "budget")] == [False]
    with serving() as other:
        write_prices(tmp_path / "cope-lsp" / "prices.toml", other.url)
        restart(COPE_LSP_HOSTED_ENDPOINT=other.url)
        plan(window)
        assert other.posts == 1
        assert KEY not in str(other.headers)
    restart(COPE_LSP_HOSTED_ENDPOINT=provider.url)
    window.run("Cope: Remove API Key")


@contextlib.contextmanager
def serving() -> Iterator[Provider]:
    made = Provider()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def environments(calls: Path, command: str) -> list[str]:
    """What each call of the server's program with this command had in its environment."""
    return [file.read_text("utf-8") for file in calls.glob(f"{command}.*")]
