"""Where keys are found and kept, and that nothing else learns them."""

import asyncio
import logging
import os
import stat
import time
import traceback
from pathlib import Path

import psutil
import pytest

from cope_lsp.egress.key import ANTHROPIC, Key, find_key, remove_key, store_key, stored
from cope_lsp.egress.keyring import ANSWER_TIMEOUT_S
from cope_lsp.errors import KeyStoreError
from tests.egress.keyrings import chosen

ROOT = Path(__file__).parents[2]
SECRET = "sk-test-" + "CaNaRy0123456789"
OTHER = "sk-test-" + "0ThEr9876543210"
LOCAL = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of their own, with a keyring that works."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "keyring.json"))
    use("InFile", monkeypatch)
    return tmp_path


def use(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", chosen(name))


def found(endpoint: str = ANTHROPIC) -> str | None:
    key = asyncio.run(find_key(endpoint, {}))
    return key.secret if key else None


def test_the_environment_comes_first_and_its_key_of_anthropic_goes_to_anthropic_alone() -> None:
    store_key(ANTHROPIC, OTHER, "file")
    environment = {"ANTHROPIC_API_KEY": f" {SECRET}\n"}
    assert asyncio.run(find_key(ANTHROPIC, environment)) == Key(SECRET, "ANTHROPIC_API_KEY")
    assert asyncio.run(find_key(LOCAL, environment)) is None
    both = environment | {"COPE_LSP_API_KEY": "mine"}
    assert asyncio.run(find_key(ANTHROPIC, both)) == Key("mine", "COPE_LSP_API_KEY")
    assert found() == OTHER


@pytest.mark.parametrize("where", ["keyring", "file"])
def test_a_stored_key_is_found_for_its_endpoint_alone_until_it_is_removed(home: Path, where: str) -> None:
    assert stored(ANTHROPIC) is None
    assert store_key(ANTHROPIC, f"{SECRET}\n", where) == stored(ANTHROPIC)  # type: ignore[arg-type]
    assert found() == SECRET
    assert found(LOCAL) is None
    assert ((home / "keyring.json").exists()) == (where == "keyring")
    assert remove_key(ANTHROPIC)
    assert not remove_key(ANTHROPIC)
    assert stored(ANTHROPIC) is None
    assert found() is None
    assert everything_written(home).count(SECRET) == 0


@pytest.mark.parametrize(("first", "then"), [("keyring", "file"), ("file", "keyring")])
def test_a_key_lies_in_one_place(home: Path, first: str, then: str) -> None:
    store_key(ANTHROPIC, OTHER, first)  # type: ignore[arg-type]
    store_key(ANTHROPIC, SECRET, then)  # type: ignore[arg-type]
    assert found() == SECRET
    assert everything_written(home).count(OTHER) == 0
    assert everything_written(home).count(SECRET) == 1


def everything_written(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_the_file_of_a_key_is_its_user_s_alone() -> None:
    before = os.umask(0)
    try:
        path = store_key(ANTHROPIC, SECRET, "file").path
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def readable(path: Path) -> None:
    path.chmod(0o640)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def linked_hard(path: Path) -> None:
    path.with_suffix(".second").hardlink_to(path)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_another_endpoint(path: Path) -> None:
    store_key(LOCAL, OTHER, "file").path.replace(path)


def cut_off(path: Path) -> None:
    path.write_text(path.read_text()[:-5])


def no_object(path: Path) -> None:
    path.write_text(f'["{SECRET}"]')


def with_a_line_break(path: Path) -> None:
    path.write_text(path.read_text().replace(SECRET, SECRET + "\\nx-header: 1"))


def too_large(path: Path) -> None:
    path.write_text(path.read_text() + " " * 20_000)


def of_bytes(path: Path) -> None:
    path.write_bytes(b"\xff" + SECRET.encode())


FAULTS = (readable, linked, linked_hard, a_pipe, a_folder, of_another_endpoint, cut_off, no_object,
          with_a_line_break, too_large, of_bytes)  # fmt: skip


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_a_file_that_cannot_be_trusted_is_refused_with_the_next_step(spoil: object) -> None:
    path = store_key(ANTHROPIC, SECRET, "file").path
    spoil(path)  # type: ignore[operator]
    with pytest.raises(KeyStoreError, match="cope-lsp auth set") as refused:
        found()
    assert str(path) in str(refused.value)
    assert_silent(refused)
    with pytest.raises(KeyStoreError):
        stored(ANTHROPIC)


def assert_silent(refused: pytest.ExceptionInfo[KeyStoreError]) -> None:
    """Neither the message nor anything that a traceback would print of it holds the key."""
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert SECRET not in repr(refused.value.__cause__)


def test_a_damaged_file_can_be_removed_and_replaced() -> None:
    path = store_key(ANTHROPIC, SECRET, "file").path
    cut_off(path)
    assert remove_key(ANTHROPIC)
    no_object(path)
    store_key(ANTHROPIC, OTHER, "file")
    assert found() == OTHER


def test_a_file_of_somebody_else_is_refused() -> None:
    path = store_key(ANTHROPIC, SECRET, "file").path
    if os.geteuid() != 0:  # only root can give a file away; others cannot even make such a file
        return
    os.chown(path, 12345, -1)
    with pytest.raises(KeyStoreError, match="somebody else"):
        found()


@pytest.mark.parametrize("text", ["", "  ", "two words", "a\nb", "schlüssel", "x" * 4001, "a\0b"])
def test_what_no_header_can_carry_is_no_key(text: str) -> None:
    with pytest.raises(KeyStoreError, match="no API key") as refused:
        store_key(ANTHROPIC, text, "file")
    assert not text.strip() or text not in str(refused.value)
    assert stored(ANTHROPIC) is None


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("Locked", "is locked; unlock it"),
        ("Forgetful", "does not keep it"),
        ("Dying", "cannot be asked"),
        ("Missing", "AttributeError"),
    ],
)
def test_a_keyring_that_fails_says_so_and_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, backend: str, message: str
) -> None:
    use(backend, monkeypatch)
    with pytest.raises(KeyStoreError, match=message) as refused:
        store_key(ANTHROPIC, SECRET, "keyring")
    assert "--file" in str(refused.value)
    assert_silent(refused)
    assert stored(ANTHROPIC) is None


def test_a_machine_without_a_keyring_is_told_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    with pytest.raises(KeyStoreError, match="no keyring that could be used"):
        store_key(ANTHROPIC, SECRET, "keyring")
    assert found() is None, "whoever stored no key is not troubled"


def test_a_key_that_the_keyring_lost_is_an_error(home: Path) -> None:
    store_key(ANTHROPIC, SECRET, "keyring")
    (home / "keyring.json").unlink()
    with pytest.raises(KeyStoreError, match="has lost the key"):
        found()
    assert remove_key(ANTHROPIC)


def test_a_keyring_that_hangs_is_left_after_its_deadline_with_all_that_it_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_key(ANTHROPIC, SECRET, "keyring")
    use("Hanging", monkeypatch)
    started = time.monotonic()
    with pytest.raises(KeyStoreError, match="did not answer within 5 s"):
        asyncio.run(ask_beside_a_clock())
    assert time.monotonic() - started < ANSWER_TIMEOUT_S + 5
    started_by_it = int((home / "keyring.json").read_text())
    assert not psutil.pid_exists(started_by_it) or is_dead(started_by_it)


async def ask_beside_a_clock() -> None:
    """Ask for the key while something else goes on: the event loop must not wait."""
    asking = asyncio.create_task(find_key(ANTHROPIC, {}))
    longest = last = 0.0
    while not asking.done():
        last = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - last)
    assert longest < 2.0, "a busy machine may stutter, but not for as long as the keyring hangs"
    await asking


def is_dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_moving_a_key_out_of_a_keyring_that_fails_works(monkeypatch: pytest.MonkeyPatch) -> None:
    store_key(ANTHROPIC, OTHER, "keyring")
    use("Dying", monkeypatch)
    store_key(ANTHROPIC, SECRET, "file")
    assert found() == SECRET


def test_a_key_that_cannot_be_written_is_an_error_that_names_another_way() -> None:
    path = store_key(ANTHROPIC, OTHER, "file").path
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(KeyStoreError, match="cannot be stored") as refused:
        store_key(ANTHROPIC, SECRET, "file")
    assert "COPE_LSP_API_KEY" in str(refused.value)
    assert_silent(refused)


def test_nothing_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        place = store_key(ANTHROPIC, SECRET, "file")
        key = asyncio.run(find_key(ANTHROPIC, {}))
        store_key(ANTHROPIC, SECRET, "keyring")
        found()
    assert key is not None
    assert key.secret == SECRET
    assert SECRET not in f"{key!r} {key} {place!r} {caplog.text}"
