"""`cope-lsp models`: as its user sees it, against a hub on loopback."""

import json
import os
import pty
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.loading import load
from cope_lsp.models.catalog import UNKNOWN, embedded_path, recommended, resolve
from cope_lsp.models.store import Store
from tests.cli.conftest import COPE_LSP, TIMEOUT_S, Shell, interrupt, is_clean
from tests.models.hub_server import FILE, REPOSITORY, Behaviour, HubServer, serving
from tests.random_model import Shape, write_random_model

DATA = embedded_path().read_bytes()
MODEL = f"{REPOSITORY}/{FILE}"

Used = Callable[..., str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a model of a few megabytes: large enough to be cut in the middle."""
    shape = Shape(width=256, layers=4, feed_forward=512)
    return write_random_model(tmp_path_factory.mktemp("hub") / "model.gguf", shape).read_bytes()


@pytest.fixture
def hub(data: bytes) -> Iterator[HubServer]:
    with serving(data) as server:
        yield server


@pytest.fixture
def user(shell: Shell, hub: HubServer) -> Shell:
    """Return `shell` with the settings of somebody who uses `hub`."""
    return replace(shell, variables={"COPE_LSP_MODELS_HUB": hub.url, "COPE_LSP_MODELS_TIMEOUT_S": "20"})


def store(user: Shell) -> Path:
    return Path(user.environment["XDG_DATA_HOME"]) / "cope-lsp" / "models"


def target(user: Shell) -> Path:
    return store(user).joinpath(*REPOSITORY.split("/"), FILE)


def here(user: Shell) -> list[str]:
    return [held.name for held in Store(store(user)).held()]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def told(user: Shell, *arguments: str) -> str:
    """Run a command that fails and return what it tells."""
    done = user.run("models", *arguments)
    assert done.returncode == 1
    assert is_clean(done.stderr)
    return done.stderr


def offline(user: Shell) -> Shell:
    return replace(user, variables={**user.variables, "COPE_LSP_OFFLINE": "true"})


# -- pull ----------------------------------------------------------------------------------------------


def test_a_model_is_pulled_chosen_used_and_verified(user: Shell) -> None:
    pulled = user.json("models", "pull", MODEL, "--yes")
    assert pulled["path"] == str(target(user))
    assert here(user) == [MODEL]
    assert user.json("models", "use", FILE) == {"chosen": pulled["path"], "used": pulled["path"]}
    found = {finding["subject"]: finding for finding in user.json("doctor")["findings"]}
    assert found["setting model.path"]["fact"] == f"{pulled['path']} (cope-lsp models use)"
    assert found["model file"]["state"] == "ok"
    assert pulled["revision"] in found["model file"]["fact"]
    assert found["ghost text"]["state"] == "ok"
    assert {row["state"] for row in user.json("models", "verify")} == {"ok"}


def test_without_a_terminal_and_without_yes_nothing_is_asked(user: Shell, hub: HubServer) -> None:
    assert "--yes agrees to them" in told(user, "pull", MODEL)
    assert hub.requests == []
    assert not store(user).exists()


def test_the_user_agrees_once(user: Shell, hub: HubServer) -> None:
    assert user.run("models", "pull", MODEL, "--yes").returncode == 0
    assert user.run("models", "pull", MODEL).returncode == 0
    (answer,) = user.json("consent")
    assert (answer["workspace"], answer["endpoint"]) == (str(store(user)), hub.url)
    sent = user.json("sent")
    assert [entry["purpose"] for entry in sent] == ["download"] * 3


def test_what_the_user_denied_is_not_asked_for(user: Shell, hub: HubServer) -> None:
    store(user).mkdir(parents=True)
    user.run("consent", "deny", "--workspace", store(user), "--endpoint", hub.url)
    assert "to allow it: cope-lsp consent allow" in told(user, "pull", MODEL, "--yes")
    assert hub.requests == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_a_person_is_asked_before_the_first_request(
    user: Shell, hub: HubServer, answer: str, code: int
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COPE_LSP, "models", "pull", MODEL],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=user.environment,
        cwd=user.folder,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        _, errors = process.communicate(timeout=TIMEOUT_S)
        os.close(ours)
    assert process.returncode == code
    assert f"May models be fetched from {hub.url}, now and later? [y/N]" in errors.decode()
    assert bool(hub.requests) == (code == 0)


def test_offline_no_request_is_made_and_the_way_by_hand_is_told(user: Shell, hub: HubServer) -> None:
    assert "--by-hand tells how" in told(offline(user), "pull", MODEL, "--yes")
    done = user.run("models", "pull", MODEL, "--by-hand", COPE_LSP_OFFLINE="true")
    assert done.returncode == 0
    assert str(target(user)) in done.stdout
    assert f"{hub.url}/{REPOSITORY}/resolve/main/{FILE}" in done.stdout
    known = user.json("models", "pull", "qwen2.5-coder-0.5b", "--by-hand")
    entry = next(entry for entry in recommended() if entry.name == "qwen2.5-coder-0.5b")
    assert known["sha256"] == entry.sha256
    assert known["url"] == f"{hub.url}/{entry.repository}/resolve/{entry.revision}/{entry.file}"
    assert hub.requests == []


def test_a_file_that_was_carried_here_is_taken_in_where_it_lies(
    user: Shell, hub: HubServer, data: bytes
) -> None:
    target(user).parent.mkdir(parents=True)
    target(user).write_bytes(data)
    assert "carry it here again" in told(user, "pull", str(target(user)), "--sha256", "0" * 64)
    assert here(user) == []
    taken = user.json("models", "pull", target(user), "--sha256", hub.sha256, COPE_LSP_OFFLINE="true")
    assert taken["name"] == MODEL
    assert here(user) == [MODEL]
    assert hub.requests == []


def test_a_sum_that_the_user_knows_counts_more_than_the_hubs(user: Shell, hub: HubServer) -> None:
    assert "was it replaced?" in told(user, "pull", MODEL, "--yes", "--sha256", "0" * 64)
    assert hub.file_requests == []


@pytest.mark.parametrize("name", ["nonsense", "a/b/../c.gguf", "a/b/c.bin", "../a/b.gguf"])
def test_a_name_that_cannot_be_one_is_refused(user: Shell, hub: HubServer, name: str) -> None:
    assert "models list" in told(user, "pull", name, "--yes")
    assert hub.requests == []


def test_a_full_disk_is_told_and_the_next_run_goes_on(user: Shell, hub: HubServer) -> None:
    limited = f"ulimit -f 2048; exec {COPE_LSP} models pull {MODEL} --yes"
    done = subprocess.run(
        ["bash", "-c", limited], env=user.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert is_clean(done.stderr)
    assert here(user) == []
    assert user.json("models", "pull", MODEL)["sha256"] == hub.sha256
    assert hub.file_requests[-1]["range"].startswith("bytes=")


# -- ended in the middle ---------------------------------------------------------------------------------


def part(user: Shell) -> Path:
    return target(user).with_name(f"{FILE}.part")


def has_begun(user: Shell) -> bool:
    return part(user).exists() and part(user).stat().st_size > 0


def test_a_pull_that_was_killed_is_gone_on_with(user: Shell, hub: HubServer) -> None:
    hub.behaviour = Behaviour(stalls_after=1_000_000)
    with user.started("models", "pull", MODEL, "--yes") as process:
        wait_for(lambda: has_begun(user))
        process.kill()
    assert here(user) == []
    assert "see: cope-lsp models list" in told(user, "use", MODEL)
    assert "did not come whole" in told(user, "use", str(part(user)))
    assert [row["name"] for row in user.json("models", "verify")] == ["embedded"]
    hub.behaviour = Behaviour()
    assert user.json("models", "pull", MODEL)["sha256"] == hub.sha256
    assert hub.file_requests[-1]["range"].startswith("bytes=")
    assert here(user) == [MODEL]


def test_a_pull_may_be_killed_at_any_moment(
    user: Shell, hub: HubServer, data: bytes, scale: Callable[[int, int], int]
) -> None:
    user.json("models", "pull", MODEL, "--yes")
    for size in range(0, len(data), len(data) // scale(3, 12)):
        target(user).with_name(f"{FILE}.json").unlink(missing_ok=True)
        target(user).unlink(missing_ok=True)
        hub.behaviour = Behaviour(stalls_after=size)
        before = len(hub.file_requests)
        with user.started("models", "pull", MODEL) as process:
            wait_for(lambda: len(hub.file_requests) > before)  # noqa: B023  # it is called at once
            process.kill()
        assert user.json("models", "verify")[1:] == []
        hub.behaviour = Behaviour()
        assert user.json("models", "pull", MODEL)["sha256"] == hub.sha256
        assert {row["state"] for row in user.json("models", "verify")} == {"ok"}


def test_ctrl_c_keeps_what_came_and_says_so(user: Shell, hub: HubServer) -> None:
    hub.behaviour = Behaviour(stalls_after=1_000_000)
    with user.started("models", "pull", MODEL, "--yes") as process:
        wait_for(lambda: has_begun(user))
        interrupt(process, group=True)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert "the same command goes on from there" in errors
    assert is_clean(errors)
    assert here(user) == []
    hub.behaviour = Behaviour()
    assert user.json("models", "pull", MODEL)["sha256"] == hub.sha256


def test_of_two_pulls_at_once_the_second_waits_for_its_turn(user: Shell, hub: HubServer) -> None:
    hub.behaviour = Behaviour(stalls_after=1_000_000)
    with user.started("models", "pull", MODEL, "--yes") as process:
        wait_for(lambda: has_begun(user))
        assert "another cope-lsp is fetching" in told(user, "pull", MODEL)
        hub.go_on.set()
        assert process.wait(TIMEOUT_S) == 0
    assert here(user) == [MODEL]


# -- use and verify --------------------------------------------------------------------------------------


@pytest.fixture
def mine(shell: Shell) -> Path:
    path = shell.folder / "mine.gguf"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def used(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Used:
    """Return what tells which model a command that is started in `folder` would use."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, shell.environment[name])

    def path(folder: Path = shell.folder, **environment: str) -> str:
        return str(resolve(load(project=folder, environment=environment).config.model_path))

    return path


def test_any_model_file_can_be_used_by_its_path(shell: Shell, mine: Path, used: Used) -> None:
    shell.json("models", "use", "mine.gguf")
    assert used() == str(mine)
    shell.json("models", "use", "embedded")
    assert used() == str(embedded_path())


def test_a_model_can_be_chosen_for_one_project(shell: Shell, mine: Path, used: Used) -> None:
    project = shell.folder.parent / "project"
    (project / "inner").mkdir(parents=True)
    shell.json("models", "use", mine, "--workspace", project)
    listing = sorted(path.name for path in project.iterdir())
    assert (used(), used(project)) == (str(embedded_path()), str(mine))
    assert listing == ["inner"], "nothing is written into the project"
    done = replace(shell, folder=project).run("models", "list")
    assert f"(cope-lsp models use, for {project})" in done.stdout.replace("\n", "")
    link = shell.folder.parent / "link"
    link.symlink_to(project)
    assert used(link) == str(mine), "a project is its real path"


def test_the_nearer_source_of_a_model_wins(shell: Shell, mine: Path, used: Used) -> None:
    others = [shell.folder / f"{n}.gguf" for n in range(3)]
    for path in others:
        path.write_bytes(DATA)
    config = Path(shell.environment["XDG_CONFIG_HOME"]) / "cope-lsp" / "config.toml"
    config.parent.mkdir(parents=True)
    shell.json("models", "use", mine)
    assert used() == str(mine)
    config.write_text(f"# by hand\nmodel.path = {json.dumps(str(others[0]))}\n")
    assert used() == str(others[0])
    done = shell.run("models", "use", mine)
    assert f"because of: {config}:2" in done.stderr
    shell.json("models", "use", others[1], "--workspace", shell.folder)
    assert used() == str(others[1])
    assert used(COPE_LSP_MODEL_PATH=str(others[2])) == str(others[2])
    assert config.read_text().startswith("# by hand\n")


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"model": 5}', '{"model": "/x.gguf", "workspace": "/y"}']
)
def test_a_choice_that_makes_no_sense_is_none(shell: Shell, used: Used, content: str) -> None:
    choice = Path(shell.environment["XDG_DATA_HOME"]) / "cope-lsp" / "choices" / "user.json"
    choice.parent.mkdir(parents=True)
    choice.write_text(content)
    assert used() == str(embedded_path())


def test_a_chosen_file_that_is_gone_is_told_with_a_next_step(shell: Shell, mine: Path) -> None:
    shell.json("models", "use", mine)
    mine.unlink()
    found = {finding["subject"]: finding for finding in shell.json("doctor", code=1)["findings"]}
    assert found["model"]["next_step"].startswith("choose another: cope-lsp models use")
    assert shell.json("models", "verify", code=1)[-1]["state"] == "missing"


@pytest.mark.parametrize("name", ["nonsense", "qwen2.5-coder-0.5b", "text.gguf", "."])
def test_what_is_no_model_cannot_be_used(shell: Shell, used: Used, name: str) -> None:
    (shell.folder / "text.gguf").write_text("this is no model")
    assert "cope-lsp models" in told(shell, "use", name)
    assert used() == str(embedded_path())


@pytest.mark.parametrize("size", [None, 1_000])
def test_a_changed_file_is_found_by_its_sum(user: Shell, size: int | None) -> None:
    user.json("models", "pull", MODEL, "--yes")
    data = bytearray(target(user).read_bytes())
    data[500] ^= 1
    target(user).write_bytes(data[:size])
    changed = user.json("models", "verify", code=1)[-1]
    assert (changed["name"], changed["state"]) == (MODEL, "changed")
    assert "pull it again" in changed["fact"]


# -- list and bench --------------------------------------------------------------------------------------


def test_the_list_tells_what_suits_this_machine(shell: Shell) -> None:
    listing = shell.json("models")
    assert listing["here"] == []
    assert listing["machine"]["cores"] >= 1
    assert listing["machine"]["memory_bytes"] > 100_000_000
    assert listing["machine"]["gpu"] in {True, False}
    assert [row["name"] for row in listing["recommended"]] == [entry.name for entry in recommended()]
    best = [row for row in listing["recommended"] if row["is_best"]]
    assert [row["name"] for row in best] == ([listing["best"]] if listing["best"] else [])
    assert all(row["objection"] == "" and row["is_open"] for row in best)
    done = shell.run("models", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(entry.name in done.stdout for entry in recommended())


def test_the_speed_of_a_model_is_measured(shell: Shell) -> None:
    speed = shell.json("models", "bench")
    assert speed["prompt_tokens_per_s"] > 1
    assert speed["output_tokens_per_s"] > 1
    assert speed["model"].startswith("cope-nano-v1")


def test_every_fact_of_the_catalogue_has_a_page_or_is_unknown() -> None:
    for entry in recommended():
        assert set(entry.pages) == {"file", "licence", "fim", "languages"}
        for kind in ("fim", "languages", "licence"):
            assert (getattr(entry, kind) == UNKNOWN) == (entry.pages[kind] == UNKNOWN)
        assert all(page == UNKNOWN or page.startswith("https://") for page in entry.pages.values())
        assert entry.revision == UNKNOWN or entry.revision in entry.pages["file"]
        assert entry.repository.split("/")[0] in entry.pages["file"]
    assert len({entry.name for entry in recommended()}) == len(recommended())
