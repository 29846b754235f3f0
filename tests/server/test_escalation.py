"""From ghost text to drafts: where nothing that the model wrote is sound, who asked is led to `solve`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.completion.ghost import ASKED, UNASKED, Ghost, started
from tests.completion.writer import writer
from tests.server.conftest import servers_in

LINE = "def total(prices):\n    found = ‸\n    return found\n"
UNSOUND = "sum(prices))"


@pytest.fixture
def ghost(tmp_path: Path) -> Iterator[Ghost]:
    with writer() as model, servers_in(tmp_path) as start:
        yield started(tmp_path, start, model)


def test_who_asked_by_a_key_is_led_to_drafts_of_the_function(ghost: Ghost) -> None:
    assert ghost.shown(LINE, UNSOUND, kind=ASKED) == ""
    status = ghost.client.status()
    assert (status["kind"], status["lastSilence"]) == ("Warning", "adds-error")
    (where,) = status["command"]["arguments"]
    assert status["command"]["command"] == "cope.server.solve"
    assert where["position"] == {"line": 1, "character": 12}
    assert ghost.shown(LINE, "sum(prices)", kind=ASKED) == "sum(prices)"
    assert ghost.client.status()["command"] is None


def test_who_only_types_is_left_alone(ghost: Ghost) -> None:
    assert ghost.shown(LINE, UNSOUND, kind=UNASKED) == ""
    status = ghost.client.status()
    assert (status["kind"], status["lastSilence"], status["command"]) == ("Normal", "adds-error", None)
