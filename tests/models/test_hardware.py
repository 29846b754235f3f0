"""Which model of the catalogue suits which machine."""

import os

import psutil
import pytest

from cope_lsp.models import hardware
from cope_lsp.models.catalog import called, embedded_path, embedded_sha256, recommended
from cope_lsp.models.hardware import Machine
from cope_lsp.models.store import sum_of

GB = 1_000_000_000


def test_the_machine_is_seen_as_the_system_describes_it() -> None:
    machine = hardware.look(gpu=None)
    assert machine.memory_bytes is not None
    assert 0 < machine.memory_bytes <= psutil.virtual_memory().total
    assert machine.cores == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("memory_gb", "cores", "gpu", "best"),
    [
        (1, 4, False, None),
        (2, 4, False, "qwen2.5-coder-0.5b"),
        (4, 1, False, "qwen2.5-coder-0.5b"),
        (8, 2, False, "qwen2.5-coder-1.5b"),
        (64, 1, False, "qwen2.5-coder-0.5b"),
        (64, 64, False, "qwen2.5-coder-1.5b"),  # more cores do not make the memory faster
        (16, 8, True, "qwen2.5-coder-7b-q4"),
        (64, 8, True, "qwen2.5-coder-7b"),
        (None, 8, True, None),
    ],
)
def test_the_largest_open_model_that_fits_is_best(
    memory_gb: int | None, cores: int, *, gpu: bool, best: str | None
) -> None:
    machine = Machine(None if memory_gb is None else memory_gb * GB, cores, gpu)
    found = hardware.best(recommended(), machine)
    assert (found.name if found else None) == best


def test_a_model_of_which_the_size_is_unknown_is_never_best() -> None:
    entry = called("SEED-coder-8b")
    assert entry is not None
    assert entry.memory_bytes is None
    assert hardware.objection(entry, Machine(1000 * GB, 64, gpu=True)) == "size unknown"


def test_a_model_whose_licence_has_terms_of_its_own_is_not_proposed() -> None:
    assert {entry.licence for entry in recommended() if entry.is_open} == {"apache-2.0", "mit"}
    assert {entry.name for entry in recommended() if not entry.is_open} >= {
        "qwen2.5-coder-3b",
        "codegemma-2b",
    }


def test_memory_is_more_than_the_file() -> None:
    sizes = [(entry.memory_bytes, entry.bytes_about) for entry in recommended() if entry.bytes_about]
    assert all(memory is not None and 1.2 * size < memory < size + 3 * GB for memory, size in sizes)


def test_the_card_of_the_embedded_model_names_its_sum() -> None:
    assert embedded_sha256() == sum_of(embedded_path())
