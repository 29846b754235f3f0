"""Who wants quiet: a snooze, ghost text on demand only, and files without any."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of, find_offers
from tests.server.wire_client import Json, WireClient, wait_until

NOTHING: Json = {"items": []}
INVALID_PARAMS = -32602


def unasked(client: WireClient) -> Any:
    """Ask as an editor does while its user types."""
    return client.inline(client.open(PLACES[0]), *end_of(PLACES[0]), triggerKind=2)


def test_a_snooze_is_for_what_nobody_asked_for(client: WireClient) -> None:
    (answer,) = client.command("cope.server.snooze", {"minutes": 5}).items()
    assert answer[0] == "snoozedUntil"
    assert re.fullmatch(r"\d\d:\d\d", answer[1])
    assert unasked(client) == NOTHING
    assert client.status()["lastSilence"] == "snoozed"
    assert find_offers(client), "by a key it comes all the same"
    status = client.status()
    assert (status["kind"], status["message"]) == ("Inactive", f"snoozed until {answer[1]}")
    assert status["snoozedUntil"] == answer[1]


def test_a_snooze_is_ended_by_its_user(client: WireClient) -> None:
    assert client.command("cope.server.snooze")["snoozedUntil"]
    assert client.command("cope.server.snooze", {"minutes": 0}) == {"snoozedUntil": None}
    status = client.status()
    assert (status["kind"], status["message"], status["snoozedUntil"]) == ("Normal", "", None)
    assert find_offers(client, triggerKind=2)


def test_a_snooze_that_is_over_says_so(start_server: StartServer) -> None:
    client = start_server()
    client.initialize(initializationOptions={"cope": {"status": True}})
    client.command("cope.server.snooze", {"minutes": 0.01})

    def kinds() -> list[str]:
        sent = [each["params"] for each in list(client.notifications) if each["method"] == "$/cope/status"]
        return [each["kind"] for each in sent]

    wait_until(lambda: kinds() == ["Normal", "Inactive", "Normal"], "the status is normal again")
    assert client.status()["snoozedUntil"] is None


@pytest.mark.parametrize("minutes", [-1, 1441, "5", None, True, [], 1e999])
def test_a_snooze_takes_a_number_of_minutes_of_one_day(shared_client: WireClient, minutes: object) -> None:
    params = {"command": "cope.server.snooze", "arguments": [{"minutes": minutes}]}
    error = shared_client.error("workspace/executeCommand", params)
    assert (error["code"], error["message"]) == (INVALID_PARAMS, "minutes is a number from 0 to 1440")
    assert shared_client.status()["snoozedUntil"] is None


def test_on_demand_nothing_comes_by_itself(start_server: StartServer) -> None:
    client = start_server(COPE_LSP_COMPLETION_TRIGGER="manual")
    client.initialize()
    assert unasked(client) == NOTHING
    status = client.status()
    assert (status["kind"], status["lastSilence"]) == ("Inactive", "manual")
    assert find_offers(client)


def test_an_editor_says_where_nothing_is_offered(start_server: StartServer, tmp_path: Path) -> None:
    client = start_server()
    project = tmp_path / "project"
    project.mkdir()
    (project / ".cope.toml").write_text(
        'completion.off_in = ["typescript"]\ncompletion.manual_in = "python"\n'
    )
    settings = {"completion": {"off_in": ["markdown"]}}
    client.initialize(rootUri=project.as_uri(), initializationOptions={"cope": {"settings": settings}})
    for language in ("typescript", "markdown"):
        assert client.inline(client.open("x = ", language), 0, 4) == NOTHING
        status = client.status()
        assert (status["lastSilence"], status["message"]) == ("excluded", f"completion.off_in has {language}")
    assert unasked(client) == NOTHING
    assert client.status()["lastSilence"] == "manual"
    assert find_offers(client)
