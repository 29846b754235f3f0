"""Pulls from a hub on loopback: whole or not at all, whatever the hub, the network and the disk do."""

import errno
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.download import REDIRECTS_MAX, Downloads
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.gate import Waits
from cope_lsp.errors import DownloadError
from cope_lsp.models import choose, pull
from cope_lsp.models.address import Address, Remote
from cope_lsp.models.catalog import UNKNOWN, called
from cope_lsp.models.hub import Hub
from cope_lsp.models.store import Held, Store, is_gguf
from tests.models.hub_server import COMMIT, FILE, REPOSITORY, Behaviour, HubServer, content, serving

ROOT = Path(__file__).parents[2]
DATA = content(300_000)
PATIENT = Waits(connect_s=10.0, read_s=10.0)
HASTY = Waits(connect_s=10.0, read_s=0.5)


def silent(_done: int) -> None:
    """Say nothing of the progress."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a user has: a store, and a hub that may be asked."""

    hub: Hub
    store: Store

    def pull(self, address: Address | None = None) -> Held:
        remote = self.hub.find(address or Address(REPOSITORY, FILE))
        return pull.from_hub(self.hub, self.store, remote, silent)

    def failure(self, address: Address | None = None) -> str:
        """Pull, which fails, and return the reason."""
        with pytest.raises(DownloadError) as raised:
            self.pull(address)
        assert str(raised.value)
        return raised.value.reason

    @property
    def part(self) -> Path:
        return self.store.place(REPOSITORY, f"{FILE}.part")

    @property
    def files(self) -> set[str]:
        """What lies in the store, without locks."""
        paths = self.store.folder.rglob("*")
        return {path.name for path in paths if path.is_file() and path.suffix != ".lock"}


def client_of(
    server: HubServer, *, agreed: bool = True, base: str = "", proxy: str = "", waits: Waits = PATIENT
) -> Client:
    """Return somebody who uses `server`, or the hub at `base`."""
    store, consent, base = Store(), ConsentStore(), base or server.url
    if agreed:
        consent.record(store.folder, endpoint_of(base), "allowed")
    downloads = Downloads(base, store.folder, consent, Audit(), proxy=proxy, waits=waits)
    return Client(Hub(base, downloads), store)


def is_whole(held: Held, data: bytes = DATA) -> bool:
    return held.path.read_bytes() == data and held.sha256 == hashlib.sha256(data).hexdigest()


pytestmark = pytest.mark.usefixtures("home")


# -- what goes well ----------------------------------------------------------------------------------


def test_a_model_is_fetched_and_its_commit_is_kept() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        held = client.pull()
        assert is_whole(held)
        assert (held.revision, held.repository, held.file) == (COMMIT, REPOSITORY, FILE)
        assert list(client.store.held()) == [held]
        assert client.files == {FILE, f"{FILE}.json"}
        paths = [path for path, _ in server.requests]
        api = f"/api/models/{REPOSITORY}/revision/main?blobs=true"
        assert paths == [api, f"/{REPOSITORY}/resolve/{COMMIT}/{FILE}"]


def test_a_request_tells_the_hub_nothing_but_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(DATA) as server:
        client_of(server).pull()
        allowed = {"host", "accept", "accept-encoding", "connection", "user-agent"}
        for _, headers in server.requests:
            assert set(headers) <= allowed
            assert headers["user-agent"].startswith("cope-lsp/")


def test_every_request_is_recorded_before_it_is_sent() -> None:
    with serving(DATA) as server:
        client_of(server).pull()
        sent = list(Audit().entries())
        assert [(entry.endpoint, entry.purpose) for entry in sent] == [(server.url, "download")] * 2


def test_without_the_users_consent_no_request_is_made() -> None:
    with serving(DATA) as server:
        assert client_of(server, agreed=False).failure() == "no-consent"
        assert server.requests == []


def test_without_a_record_no_request_is_made(home: Path) -> None:
    with serving(DATA) as server:
        client = client_of(server)
        (home / "data" / "cope-lsp" / "sent").write_text("a file where a folder must be")
        assert client.failure() == "unrecorded"
        assert server.requests == []


def test_a_model_that_is_here_is_not_fetched_again() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        assert client.pull() == client.pull()
        assert len(server.file_requests) == 1


def test_the_only_model_of_a_repository_needs_no_name() -> None:
    with serving(DATA) as server:
        assert is_whole(client_of(server).pull(Address(REPOSITORY)))


def test_a_model_of_the_catalogue_is_known_by_its_place() -> None:
    store = Store()
    for name in ("qwen2.5-coder-0.5b", "seed-coder-8b"):
        entry = called(name)
        assert entry is not None
        assert store.of(entry) is None
        target = store.place(entry.repository, FILE if entry.file == UNKNOWN else entry.file)
        target.parent.mkdir(parents=True)
        target.write_bytes(DATA)
        pull.from_file(store, target, silent)
        assert store.of(entry) == store.at(target)
        assert choose.file_of(name, store) == target


def test_another_version_takes_the_place_of_the_old_one() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        client.pull()
        server.data = content(200_000, seed=1)
        assert is_whole(client.pull(), server.data)
        assert len(list(client.store.held())) == 1


def test_a_file_that_was_put_there_by_hand_is_taken_in_without_a_download() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        place = client.store.place(REPOSITORY, FILE)
        place.parent.mkdir(parents=True)
        place.write_bytes(DATA)
        assert not list(client.store.held()), "nobody has checked it yet"
        assert is_whole(client.pull())
        assert server.file_requests == []


def test_a_mirror_may_lie_below_the_root_of_its_server() -> None:
    with serving(DATA) as server:
        server.prefix = "/mirrors/hub"
        assert is_whole(client_of(server, base=f"{server.url}/mirrors/hub/").pull())
        assert all(path.startswith("/mirrors/hub/") for path, _ in server.requests)


def test_a_proxy_is_used_when_the_user_names_one() -> None:
    with serving(DATA) as server:
        assert is_whole(client_of(server, base="http://hub.invalid", proxy=server.url).pull())
        assert all(path.startswith("http://hub.invalid/") for path, _ in server.requests)


# -- broken connections --------------------------------------------------------------------------------


@pytest.mark.parametrize("honours_range", [True, False])
def test_a_pull_goes_on_after_cuts_at_any_byte(
    scale: Callable[[int, int], int], *, honours_range: bool
) -> None:
    for seed in range(scale(5, 100)):
        chance = random.Random(seed)
        data = content(chance.randrange(5, 200_000), seed)
        cuts = [chance.randrange(len(data)) for _ in range(chance.randrange(1, 5))]
        with serving(data, Behaviour(cuts=cuts, honours_range=honours_range)) as server:
            client = client_of(server)
            while server.sha256 not in {held.sha256 for held in client.store.held()}:
                # When an attempt brings nothing new, the user has to run it again.
                with suppress(DownloadError):
                    client.pull()
            (held,) = client.store.held()
            assert is_whole(held, data)
            assert len(server.file_requests) > 1


def test_a_later_run_asks_only_for_what_is_missing() -> None:
    with serving(DATA, Behaviour(cuts=[123_456, 0])) as server:
        client = client_of(server)
        assert client.failure() == "cut-short"
        assert client.files == {f"{FILE}.part", f"{FILE}.part.json"}
        assert client.part.read_bytes() == DATA[:123_456]
        assert json.loads(client.part.with_name(f"{FILE}.part.json").read_text())["revision"] == COMMIT
        assert is_whole(client.pull())
        assert server.file_requests[-1]["range"] == "bytes=123456-"


def test_bytes_of_another_version_are_not_gone_on_with() -> None:
    with serving(DATA, Behaviour(cuts=[100_000, 0])) as server:
        client = client_of(server)
        assert client.failure() == "cut-short"
        server.data = content(250_000, seed=7)
        assert is_whole(client.pull(), server.data)
        assert "range" not in server.file_requests[-1]


@pytest.mark.parametrize("damage", [b"", b"\0" * 1000])
def test_what_a_power_cut_left_is_fetched_again_when_it_is_wrong(damage: bytes) -> None:
    with serving(DATA, Behaviour(cuts=[100_000, 0])) as server:
        client = client_of(server)
        client.failure()
        left = client.part.read_bytes()
        client.part.write_bytes(damage + left[len(damage) : -7])
        assert is_whole(client.pull())


def test_a_part_that_is_longer_than_the_whole_is_begun_again() -> None:
    with serving(DATA, Behaviour(cuts=[100_000, 0])) as server:
        client = client_of(server)
        client.failure()
        client.part.write_bytes(DATA + b"more")
        assert is_whole(client.pull())


def test_a_server_that_stops_in_the_middle_is_not_waited_for() -> None:
    with serving(DATA, Behaviour(stalls_after=50_000)) as server:
        client = client_of(server, waits=HASTY)
        assert client.failure() == "timed-out"
        assert client.part.stat().st_size == 50_000


def test_a_server_that_drips_is_not_waited_for() -> None:
    """Its bytes come often enough for the deadline between two of them."""
    with serving(DATA, Behaviour(byte_s=0.01)) as server:
        client = client_of(server, waits=HASTY)
        assert client.failure() == "timed-out"
        assert 0 < client.part.stat().st_size < 500
        server.behaviour = Behaviour()
        assert is_whole(client_of(server).pull())


def test_a_server_that_speaks_no_tls_is_not_trusted() -> None:
    with serving(DATA) as server:
        assert client_of(server, base=server.url.replace("http:", "https:")).failure() == "insecure"
        assert server.requests == []


def test_nobody_at_the_port_is_told_as_such() -> None:
    with serving(DATA) as server:
        client = client_of(server)
    assert client.failure() == "unreachable"


# -- a hub that is wrong -------------------------------------------------------------------------------


def test_a_file_with_another_sum_is_removed() -> None:
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with serving(DATA, Behaviour(sent=wrong)) as server:
        client = client_of(server)
        assert client.failure() == "wrong-sum"
        assert not client.files
        server.behaviour = Behaviour()
        assert is_whole(client.pull())


def test_a_file_that_is_no_model_is_removed() -> None:
    with serving(b"<html>" + DATA) as server:
        client = client_of(server)
        assert client.failure() == "not-understood"
        assert not client.files


@pytest.mark.parametrize("says_length", [True, False])
def test_more_bytes_than_said_are_refused(*, says_length: bool) -> None:
    with serving(DATA, Behaviour(sent=DATA + b"x", says_length=says_length)) as server:
        client = client_of(server)
        assert client.failure() == "wrong-size"
        assert not list(client.store.held())


def test_fewer_bytes_than_said_are_refused() -> None:
    with serving(DATA, Behaviour(sent=DATA[:-1])) as server:
        assert client_of(server).failure() == "wrong-size"


def test_an_answer_without_a_length_that_ends_early_is_cut_short() -> None:
    with serving(DATA, Behaviour(sent=DATA[:-1], says_length=False, honours_range=False)) as server:
        client = client_of(server)
        assert client.failure() == "cut-short"
        assert not list(client.store.held())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("x-linked-etag", '"' + "0" * 64 + '"', "wrong-sum"),
        ("x-linked-size", "17", "wrong-size"),
        ("x-repo-commit", "f" * 40, "wrong-size"),
    ],
)
def test_a_hub_that_says_two_things_is_not_believed(name: str, value: str, reason: str) -> None:
    with serving(DATA, Behaviour(words={name: value})) as server:
        client = client_of(server)
        assert client.failure() == reason
        assert not list(client.store.held())


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "gated"), (403, "gated"), (404, "not-found"), (429, "rate-limited"), (500, "server-fault")],
)
@pytest.mark.parametrize("where", ["index", "file"])
def test_a_refusal_of_the_hub_has_a_next_step(where: str, status: int, reason: str) -> None:
    behaviour = Behaviour(**{f"{where}_status": status})  # type: ignore[arg-type]  # both are statuses
    with serving(DATA, behaviour) as server:
        assert client_of(server).failure() == reason


def test_a_model_behind_a_licence_can_be_carried_here() -> None:
    with serving(DATA, Behaviour(index_status=401)) as server, pytest.raises(DownloadError) as raised:
        client_of(server).pull()
    assert "licence must be accepted" in str(raised.value)
    assert f"{server.url}/{REPOSITORY}/tree/main" in str(raised.value)
    assert "cope-lsp models pull FILE" in str(raised.value)


@pytest.mark.parametrize(
    "index",
    [
        {"sha": COMMIT},
        {"sha": COMMIT, "siblings": 5},
        {"sha": COMMIT, "siblings": [{"name": FILE}]},
        {"sha": "../../etc", "siblings": [{"rfilename": FILE, "lfs": {"sha256": "0" * 64, "size": 5}}]},
        {"sha": COMMIT, "siblings": [{"rfilename": FILE}]},
        {"sha": COMMIT, "siblings": [{"rfilename": FILE, "lfs": {"sha256": "x", "size": 5}}]},
        {"sha": COMMIT, "siblings": [{"rfilename": FILE, "lfs": {"sha256": "0" * 64, "size": -5}}]},
        {"sha": COMMIT, "siblings": [{"rfilename": FILE, "lfs": {"sha256": "0" * 64, "size": 10**15}}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "x" * 5_000_000}]},
    ],
)
def test_an_index_that_makes_no_sense_is_refused(index: dict[str, object]) -> None:
    with serving(DATA, Behaviour(index=index)) as server:
        assert client_of(server).failure() == "not-understood"
        assert server.file_requests == []


def test_a_file_that_a_repository_has_not_is_told_with_those_that_it_has() -> None:
    with serving(DATA) as server, pytest.raises(DownloadError, match=rf"it has {FILE}\. Name one"):
        client_of(server).pull(Address(REPOSITORY, "another.gguf"))


# -- redirects -----------------------------------------------------------------------------------------


def test_a_hub_may_point_to_the_server_that_holds_the_file() -> None:
    with serving(DATA, Behaviour(cuts=[100_000])) as holder, serving(DATA) as server:
        server.behaviour.file_location = f"{holder.url}/somewhere?signature=1"
        client = client_of(server)
        assert is_whole(client.pull())
        assert [path for path, _ in holder.requests] == ["/somewhere?signature=1"] * 2
        assert holder.requests[-1][1]["range"] == "bytes=100000-"
        assert [entry.endpoint for entry in Audit().entries()].count(holder.url) == 2


def test_a_hub_may_not_point_to_an_index_elsewhere() -> None:
    with serving(DATA) as other, serving(DATA) as server:
        server.behaviour.index_location = f"{other.url}/api/models/x"
        assert client_of(server).failure() == "redirected"
        assert other.requests == []


def test_a_repository_that_was_renamed_is_found() -> None:
    location = f"/api/models/{REPOSITORY}/revision/main?blobs=true"
    with serving(DATA, Behaviour(index_location=location)) as server:
        assert is_whole(client_of(server).pull())


def test_a_loop_of_redirects_ends() -> None:
    with serving(DATA) as server:
        server.behaviour.file_location = f"{server.url}/again"
        assert client_of(server).failure() == "redirected"
        assert len(server.file_requests) == REDIRECTS_MAX + 1


@pytest.mark.parametrize(
    "location", ["http://example.com/file", "file:///etc/passwd", "ftp://example.com/", "gopher://x"]
)
def test_a_redirect_that_could_be_read_on_the_way_is_not_followed(location: str) -> None:
    with serving(DATA, Behaviour(file_location=location)) as server:
        assert client_of(server).failure() == "redirected"
        assert len(server.file_requests) == 1


@pytest.mark.parametrize(
    ("hub", "location", "followed"),
    [
        ("https://hub.example", "https://cdn.example/x", True),
        ("https://hub.example", "/x", True),
        ("https://hub.example", "http://hub.example/x", False),
        ("https://hub.example", "http://127.0.0.1:8080/shutdown", False),
        ("https://hub.example", "http://localhost/", False),
        ("https://hub.example", "http://[::1]/", False),
        ("http://127.0.0.1:1", "http://localhost:2/x", True),
        ("http://127.0.0.1:1", "http://10.0.0.1/x", False),
        ("http://127.0.0.1:1", "https://cdn.example/x", True),
    ],
)
def test_a_public_hub_cannot_reach_into_the_users_machine(hub: str, location: str, *, followed: bool) -> None:
    downloads = Downloads(hub, Path("models"), ConsentStore(), Audit())
    if followed:
        assert downloads._next(f"{hub}/file", location, elsewhere=True)
    else:
        with pytest.raises(DownloadError, match="which is not followed"):
            downloads._next(f"{hub}/file", location, elsewhere=True)


# -- the disk and the store ----------------------------------------------------------------------------


def test_a_model_that_does_not_fit_on_the_disk_is_not_begun() -> None:
    with serving(DATA) as server:
        index = server.index()
        index["siblings"][0]["lfs"]["size"] = 400_000_000_000
        server.behaviour.index = index
        client = client_of(server)
        with pytest.raises(DownloadError, match=r"needs 400\.00 GB more") as raised:
            client.pull()
        assert raised.value.reason == "disk-full"
        assert server.file_requests == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, 0], ids=["full", "broken", "killed"])
def test_a_disk_may_fail_at_any_moment(
    disk: str, home: Path, scale: Callable[[int, int], int], number: int
) -> None:
    """Every system call that changes the store fails once, or is the last one of its process."""
    folder = str(home / "data" / "cope-lsp" / "models")
    with serving(content(50_000)) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.models.programs", server.url, str(scale(3, 1)), str(number)],
            cwd=ROOT,
            env=os.environ | {"LD_PRELOAD": disk, "DISK_FOLDER": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_two_pulls_of_one_file_do_not_fight() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        with client.store.locked(client.store.place(REPOSITORY, FILE)):
            assert client.failure() == "busy"
        assert is_whole(client.pull())


@pytest.mark.parametrize("damage", ["shorter", "gone", "no manifest", "manifest of nonsense", "a folder"])
def test_what_is_not_whole_is_no_model(damage: str) -> None:
    with serving(DATA) as server:
        client = client_of(server)
        held = client.pull()
        manifest = held.path.with_name(f"{FILE}.json")
        if damage == "shorter":
            held.path.write_bytes(DATA[:-1])
        elif damage == "no manifest":
            manifest.unlink()
        elif damage == "manifest of nonsense":
            manifest.write_text('{"bytes": []}')
        else:
            held.path.unlink()
            if damage == "a folder":
                held.path.mkdir()
        assert not list(client.store.held())
        assert client.store.called(FILE) is None


def test_a_file_of_this_machine_is_copied_or_linked(tmp_path: Path) -> None:
    source = tmp_path / "mine.bin"
    source.write_bytes(DATA)
    store = Store()
    copied = pull.from_file(store, source, silent)
    assert is_whole(copied)
    assert copied.path == store.folder / "local" / "mine.gguf"
    assert not copied.path.is_symlink()
    linked = pull.from_file(store, source, silent, link=True)
    assert linked.path.is_symlink()
    assert is_whole(linked)
    again = pull.from_file(store, source, silent, sha256=linked.sha256.upper())
    assert not again.path.is_symlink()
    assert source.read_bytes() == DATA


@pytest.mark.parametrize(("data", "sha256"), [(DATA, "0" * 64), (b"GGU", ""), (b"", "")])
def test_a_wrong_file_of_this_machine_is_not_taken_in(tmp_path: Path, data: bytes, sha256: str) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(data)
    store = Store()
    with pytest.raises(DownloadError):
        pull.from_file(store, source, silent, sha256=sha256)
    assert not list(store.held())


def test_a_file_does_not_take_the_place_of_another_of_its_name(tmp_path: Path) -> None:
    store, source = Store(), tmp_path / "mine.gguf"
    source.write_bytes(DATA)
    held = pull.from_file(store, source, silent)
    source.write_bytes(content(1000, seed=3))
    with pytest.raises(DownloadError, match=r"another model is called local/mine\.gguf"):
        pull.from_file(store, source, silent)
    assert is_whole(held)


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert not is_gguf(tmp_path / "pipe.gguf")


def test_progress_is_told_up_to_the_last_byte() -> None:
    with serving(DATA) as server:
        client = client_of(server)
        told: list[int] = []
        pull.from_hub(client.hub, client.store, client.hub.find(Address(REPOSITORY, FILE)), told.append)
    assert told == sorted(told)
    assert told[-1] == len(DATA)


def test_a_remote_is_what_the_hub_says() -> None:
    with serving(DATA) as server:
        remote = client_of(server).hub.find(Address(REPOSITORY, FILE))
        assert remote == Remote(REPOSITORY, FILE, COMMIT, server.sha256, len(DATA))
