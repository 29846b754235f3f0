"""What becomes of offers, counted by the real server: told by a client, or seen in how the text changes."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cope_lsp.feedback.store import Store
from tests.server.conftest import StartServer, servers_in
from tests.server.places import Offer, end_of, find_offers
from tests.server.wire_client import Json, WireClient, insertion, wait_until

OUTCOMES = ("accepted", "partly", "typed", "rejected")
LOOKED_WITHIN_S = 60.0


def store_in(folder: Path) -> Store:
    return Store(folder / "data" / "cope-lsp" / "feedback")


def counted(folder: Path, kind: str = "outcome") -> dict[str, int]:
    """Return what is written down by now."""
    found: dict[str, int] = {}
    for count in store_in(folder).counts(1):
        if count.kind == kind and count.number:
            found[count.value] = found.get(count.value, 0) + count.number
    return found


def outcomes(folder: Path) -> dict[str, int]:
    return {value: number for value, number in counted(folder).items() if value in OUTCOMES}


@dataclass(slots=True)
class Typist:
    """Somebody to whom a text of more than one word is offered."""

    client: WireClient
    offer: Offer
    text: str
    version: int = 1

    def put_in(self, text: str) -> None:
        """Insert a text at once at the cursor."""
        self.version += 1
        where = end_of(self.text)
        self.client.change(self.offer.uri, insertion(*where, text), version=self.version)
        self.text += text

    def type(self, text: str) -> None:
        for key in text:
            self.put_in(key)

    def delete_first_word(self) -> None:
        """Delete it from what was put in."""
        self.version += 1
        line, character = end_of(self.offer.before)
        word = self.offer.text.split()[0]
        ends = [{"line": line, "character": character + length} for length in (0, len(word))]
        change = {"range": dict(zip(("start", "end"), ends, strict=True)), "text": ""}
        self.client.change(self.offer.uri, change, version=self.version)

    def tell(self, what: str, **more: object) -> None:
        self.client.notify(f"textDocument/did{what}Completion", {"item": self.offer.item, **more})

    def accept(self) -> bool:
        known: bool = self.client.ask("workspace/executeCommand", self.offer.item["command"])
        return known


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a text at whose end several words are offered, which another server has found."""
    with servers_in(tmp_path_factory.mktemp("probe")) as start:
        client = start()
        client.initialize()
        long = (offer for offer in find_offers(client) if len(offer.text.split("\n")[0].split()) > 1)
        return max(long, key=lambda offer: len(offer.text)).before


def offered(client: WireClient, place: str) -> Typist:
    """Ask where the model offers several words."""
    (offer, *_) = find_offers(client, [place])
    return Typist(client, offer, offer.before)


def put_all_in(typist: Typist) -> None:
    typist.put_in(typist.offer.text)


def put_all_in_and_run_the_command(typist: Typist) -> None:
    typist.put_in(typist.offer.text)
    assert typist.accept()
    assert not typist.accept()


def only_run_the_command(typist: Typist) -> None:
    assert typist.accept()


def put_a_part_in(typist: Typist) -> None:
    typist.put_in(typist.offer.text[:3])


def say_that_a_part_was_put_in(typist: Typist) -> None:
    typist.tell("PartiallyAccept", acceptedLength=1)


def say_that_all_of_it_was_put_in(typist: Typist) -> None:
    typist.tell("PartiallyAccept", acceptedLength=len(typist.offer.text))


def type_it(typist: Typist) -> None:
    typist.tell("Show")
    typist.type(typist.offer.text)


def type_something_else(typist: Typist) -> None:
    typist.tell("Show")
    typist.type("7 * 7")


def type_a_key_of_it_and_something_else(typist: Typist) -> None:
    typist.tell("Show")
    typist.type(f"{typist.offer.text[0]}|")


def look_at_it(typist: Typist) -> None:
    typist.tell("Show")
    typist.tell("Show")


def say_nonsense(typist: Typist) -> None:
    nonsense: list[object] = [{}, None, [], {"item": None}, {"item": {"command": {"arguments": [7]}}}]
    for params in nonsense:
        typist.client.notify("textDocument/didShowCompletion", params)
        typist.client.notify("textDocument/didPartiallyAcceptCompletion", params)
    for length in (None, "3", True, -1, 0, 1.5):
        typist.tell("PartiallyAccept", acceptedLength=length)


STORIES: dict[Callable[[Typist], None], Json] = {
    put_all_in: {"accepted": 1},
    put_all_in_and_run_the_command: {"accepted": 1},
    only_run_the_command: {"accepted": 1},
    put_a_part_in: {"partly": 1},
    say_that_a_part_was_put_in: {"partly": 1},
    say_that_all_of_it_was_put_in: {"accepted": 1},
    type_it: {"typed": 1},
    type_something_else: {"rejected": 1},
    type_a_key_of_it_and_something_else: {"rejected": 1},
    look_at_it: {},
    say_nonsense: {},
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_becomes_of_an_offer_is_counted_once(
    start_server: StartServer, tmp_path: Path, place: str, story: Callable[[Typist], None]
) -> None:
    client = start_server()
    client.initialize()
    story(offered(client, place))
    client.status()
    assert client.shut_down() == 0
    assert outcomes(tmp_path) == STORIES[story]
    if STORIES[story] or story is look_at_it:
        assert counted(tmp_path)["shown"] == 1


def test_an_entry_of_the_menu_is_accepted_without_a_word_of_the_editor(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    client = start_server()
    client.initialize(ghost_text=False)
    uri, (line, character) = client.open(place), end_of(place)
    params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
    items: list[Json] = []

    def is_offered() -> bool:
        items[:] = client.ask("textDocument/completion", params)["items"]
        return bool(items)

    wait_until(is_offered, "the model offers something")
    edit = items[0]["textEdit"]
    client.change(uri, {"range": edit["range"], "text": edit["newText"]})
    client.status()
    assert client.shut_down() == 0
    assert outcomes(tmp_path) == {"accepted": 1}


def test_neovim_says_itself_what_it_accepts(start_server: StartServer, tmp_path: Path, place: str) -> None:
    """It gathers what is typed: several keys in one change are no word that was accepted."""
    client = start_server()
    client.initialize(clientInfo={"name": "Neovim"})
    typist = offered(client, place)
    typist.tell("Show")
    typist.put_in(typist.offer.text[:3])
    typist.put_in(typist.offer.text[3:])
    client.status()
    assert client.shut_down() == 0
    assert outcomes(tmp_path) == {"typed": 1}


def test_delays_and_reasons_are_counted_by_language(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    client = start_server()
    client.initialize()
    typist = offered(client, place)
    client.inline(typist.offer.uri, *end_of(place))
    client.inline(client.open("x = ", "cobol"), 0, 4)
    assert client.shut_down() == 0
    known = list(store_in(tmp_path).counts(1))
    latencies = [(count.group.source, count.number) for count in known if count.kind == "latency"]
    assert sorted(latencies) == [("cache", 1), ("model", 1)]
    (silence,) = (count for count in known if count.kind == "silence")
    assert (silence.group.language, silence.value, silence.number) == ("cobol", "language", 1)
    assert {count.group.language for count in known} == {"python", "cobol"}


def test_no_text_and_no_name_of_a_file_is_kept(start_server: StartServer, tmp_path: Path, place: str) -> None:
    client = start_server()
    client.initialize()
    typist = offered(client, place)
    typist.put_in(typist.offer.text)
    client.status()
    assert client.shut_down() == 0
    kept = store_in(tmp_path).path.read_bytes()
    for secret in ("self.x", "__init__", "Point", "file_1", "project"):
        assert secret.encode() not in kept


def test_nothing_is_counted_for_who_does_not_want_it(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    client = start_server(COPE_LSP_STATS_ENABLED="false")
    client.initialize()
    typist = offered(client, place)
    put_all_in(typist)
    assert typist.accept()
    assert client.status()["accepted"] == 1
    assert client.shut_down() == 0
    assert not store_in(tmp_path).path.exists()


def test_who_only_hangs_up_loses_no_count(start_server: StartServer, tmp_path: Path, place: str) -> None:
    client = start_server()
    client.initialize()
    put_all_in(offered(client, place))
    client.status()
    client.hang_up()
    assert outcomes(tmp_path) == {"accepted": 1}


def test_two_windows_count_together(start_server: StartServer, tmp_path: Path, place: str) -> None:
    windows = [start_server() for _ in range(2)]
    for window in windows:
        window.initialize()
        put_all_in(offered(window, place))
        window.status()
    asked = [window.request("shutdown") for window in windows]
    for window, request in zip(windows, asked, strict=True):
        window.response(request)
    assert outcomes(tmp_path) == {"accepted": 2}


@pytest.mark.timeout(180)
def test_what_is_left_of_an_accepted_text_is_counted_and_a_kill_loses_only_the_newest(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    client = start_server()
    client.initialize()
    typist = offered(client, place)
    put_all_in(typist)
    started = time.monotonic()
    typist.delete_first_word()
    wait_until(lambda: counted(tmp_path, "kept"), "it was looked at, and written down", LOOKED_WITHIN_S)
    assert time.monotonic() - started > 29, "not before half a minute has passed"
    before = outcomes(tmp_path)
    assert before == {"accepted": 1}
    kept = counted(tmp_path, "kept")
    assert kept["looked"] == 1
    assert 0 <= kept.get("permille", 0) < 1000
    put_all_in(offered(client, place))
    client.status()
    client.kill()
    assert outcomes(tmp_path) == before
    with closing(sqlite3.connect(store_in(tmp_path).path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_file_disturbs_nobody_and_is_told_once(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    store = store_in(tmp_path)
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"no database" * 1000)
    for expected in ({}, {"accepted": 1}):
        client = start_server()
        client.initialize()
        put_all_in(offered(client, place))
        client.status()
        assert client.shut_down() == 0
        told = client.errors.decode().count("statistics were lost")
        assert told == (0 if expected else 1)
        assert store.path.with_suffix(".damaged").exists()
        assert (outcomes(tmp_path) if store.path.exists() else {}) == expected


def test_a_folder_that_cannot_be_written_disturbs_nobody(
    start_server: StartServer, tmp_path: Path, place: str
) -> None:
    folder = store_in(tmp_path).path.parent
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    client = start_server()
    client.initialize()
    put_all_in(offered(client, place))
    assert client.status()["kind"] == "Normal"
    assert client.shut_down() == 0
    assert client.errors.decode().count("statistics were lost") == 1
