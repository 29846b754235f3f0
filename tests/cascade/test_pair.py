"""Solve with the pair of this repository: the embedded model works, `nano-large` stands in for a hosted one.

Nothing that either of them says is written here.
"""

from pathlib import Path

import pytest

from cope_lsp.cascade import understudy
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models import catalog
from cope_lsp.models.local import LocalModel
from cope_lsp.models.standin import StandIn
from tests.cascade.test_solve import Sample, bench

PLANNED = Sample(
    "def consonants_other_signs(sentence):",
    "Give back the consonants and other signs of the sentence.",
    (
        'assert consonants_other_signs("CIVIC YELLOW BREAD RIVER") == "CVC YLLW BRD RVR"',
        'assert consonants_other_signs("lamp level!") == "lmp lvl!"',
    ),
)
WRITTEN = Sample(
    "def list_gaps(meetings):",
    "Give the list of the gaps in days between consecutive dates of those of the meetings not from Monday to "
    "Friday, once sorted with each one twice in a row.",
    (
        "assert list_gaps([date(2023, 1, 19), date(2023, 11, 5), date(2023, 1, 8)]) == [301, 301]",
        "assert list_gaps([date(2023, 12, 8), date(2023, 12, 9), date(2023, 12, 10)]) == [1, 1]",
    ),
    "from datetime import date, timedelta",
)


@pytest.mark.parametrize(("sample", "stage"), [(PLANNED, 2), (WRITTEN, 3)], ids=["a plan", "a draft"])
async def test_the_large_one_of_the_pair_helps_where_the_small_one_fails(
    home: Path, sample: Sample, stage: int
) -> None:
    path = catalog.standin_path()
    assert path is not None, "training/nano-large is part of the repository"
    large = LocalModel(path, EngineSettings(), restarts_max=0)
    standin = StandIn(large, path.stem, understudy.read)
    try:
        url = await standin.start()
        async with bench(home, [], url=url, cascade_escalate="auto", hosted_timeout_s=60) as at:
            outcome = await at.solve(sample)
            spent = (await at.assistant.budget()).day.spent_nusd
        assert (outcome.status, outcome.stage, outcome.proof) == ("solved", stage, "tests")
        assert len(outcome.receipt.calls) == stage - 1 == standin.requests
        assert outcome.receipt.cost_nusd == spent > 0
    finally:
        await standin.close()
        await large.close()
