from dataclasses import replace

import pytest

from training.recipe import NANO
from training.schedule import Progress, rate_share

RECIPE = replace(NANO, minutes=10, tokens_max=1_000)


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        pytest.param(Progress(), 0.0, id="nothing done"),
        pytest.param(Progress(tokens=500, elapsed_s=60), 0.5, id="tokens are further"),
        pytest.param(Progress(tokens=100, elapsed_s=540), 0.9, id="time is further"),
        pytest.param(Progress(tokens=100, elapsed_s=900), 1.5, id="over time"),
    ],
)
def test_the_schedule_follows_tokens_or_time_whichever_is_further(progress: Progress, share: float) -> None:
    assert progress.share(RECIPE) == pytest.approx(share)


def test_the_time_left_follows_the_pace_so_far() -> None:
    assert Progress(tokens=500, elapsed_s=60).left_s(RECIPE) == pytest.approx(60)
    assert Progress(tokens=2_000, elapsed_s=60).left_s(RECIPE) == 0


@pytest.mark.parametrize(
    ("share", "rate"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0), (1.2, 0.0)]
)
def test_the_rate_warms_up_and_has_decayed_at_the_end(share: float, rate: float) -> None:
    assert rate_share(share, warmup_share=0.1) == pytest.approx(rate)
