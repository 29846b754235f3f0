"""Which letters interrupt the reading of a prompt."""

import math
from collections.abc import Iterator

import pytest

from cope_lsp.engine.connection import Letter
from cope_lsp.engine.job import Reading
from cope_lsp.engine.scheduler import READ_AHEAD
from cope_lsp.engine.service import Service
from cope_lsp.engine.wire import WIRE_VERSION, Cancel, EngineSettings, Generate, Inquire, Message, Open
from cope_lsp.models.catalog import embedded_path
from cope_lsp.values import Priority
from tests.engine.conftest import generation


class Client:
    """Somebody who sends letters."""

    def send(self, message: Message) -> None:
        pytest.fail(f"nothing is answered: {message}")


MINE, OTHER = Client(), Client()


@pytest.fixture(scope="module")
def service() -> Service:
    """Return one that reads the prompt of job 1, which `MINE` calls 7."""
    made = Service(Open(WIRE_VERSION, str(embedded_path()), EngineSettings()), lambda: 1)
    made._owners[1] = (MINE, 7)
    return made


@pytest.fixture(autouse=True)
def quiet(service: Service) -> Iterator[None]:
    yield
    service._scheduler._decoder.reading = None
    service._context.go_on()


def interrupts(
    service: Service,
    letter: Letter,
    *,
    job: int = 1,
    nearly_done_at: float = math.inf,
    overdue_at: float = math.inf,
) -> bool:
    service._scheduler._decoder.reading = Reading(job, nearly_done_at, overdue_at)
    service.glance(letter)
    return bool(service._context._interrupt[0] != b"\0")


def wanted(priority: Priority) -> Generate:
    return Generate(8, generation(priority=priority))


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (Letter(MINE, Cancel(7)), True),
        (Letter(MINE, Cancel(6)), False),
        (Letter(OTHER, Cancel(7)), False),
        (Letter(MINE, None), True),
        (Letter(OTHER, None), False),
        (Letter(OTHER, wanted("interactive")), True),
        (Letter(OTHER, wanted("batch")), False),
        (Letter(MINE, Inquire()), False),
    ],
)
def test_a_prompt_is_interrupted_for_what_cannot_wait(
    service: Service, letter: Letter, *, expected: bool
) -> None:
    assert interrupts(service, letter) is expected


def test_reading_ahead_is_interrupted_for_any_request(service: Service) -> None:
    assert interrupts(service, Letter(OTHER, wanted("batch")), job=READ_AHEAD)
    service._context.go_on()
    assert not interrupts(service, Letter(OTHER, Cancel(0)), job=READ_AHEAD)


def test_what_is_nearly_read_is_read_to_its_end(service: Service) -> None:
    assert not interrupts(service, Letter(MINE, Cancel(7)), nearly_done_at=0.0)


def test_what_takes_longer_than_expected_is_interrupted_after_all(service: Service) -> None:
    assert interrupts(service, Letter(MINE, Cancel(7)), nearly_done_at=0.0, overdue_at=0.0)


def test_nothing_is_interrupted_where_nothing_is_read(service: Service) -> None:
    service.glance(Letter(MINE, None))
    assert service._context._interrupt[0] == b"\0"
