"""What the counts say, as numbers and as a picture."""

from datetime import date
from xml.etree import ElementTree as ET

import pytest

from cope_lsp.feedback.counts import Count, Group, Kind, Source
from cope_lsp.feedback.picture import ACCEPTED, RATE, SHOWN, svg
from cope_lsp.feedback.summary import Figures, summarized

TODAY = date(2026, 3, 2)
SVG = "{http://www.w3.org/2000/svg}"


def count(
    number: int,
    kind: Kind,
    value: str,
    *,
    day: str = "2026-03-02",
    language: str = "python",
    source: Source = "model",
) -> Count:
    return Count(Group(day, language, "m", source), kind, value, number)


COUNTS = (
    count(10, "outcome", "shown"),
    count(4, "outcome", "accepted"),
    count(1, "outcome", "partly"),
    count(2, "outcome", "rejected"),
    count(4, "kept", "looked"),
    count(3000, "kept", "permille"),
    count(20, "outcome", "shown", day="2026-02-28", language="lua"),
    count(3, "outcome", "typed", day="2026-02-28", language="lua"),
    count(8, "latency", "14"),
    count(2, "latency", "20"),
    count(5, "latency", "0", source="cache"),
    count(3, "silence", "empty", source=""),
    count(9, "silence", "inside-word", source=""),
)


def test_rates_are_of_what_was_shown() -> None:
    summary = summarized(COUNTS, 4, TODAY)
    assert summary.total == Figures("", 30, 4, 1, 3, 2, rate=5 / 30, kept=0.75)
    assert [(row.name, row.shown, row.rate, row.kept) for row in summary.languages] == [
        ("lua", 20, 0.0, None),
        ("python", 10, 0.5, 0.75),
    ]
    assert [row.name for row in summary.models] == ["m"]


def test_a_day_without_suggestions_is_a_day() -> None:
    days = summarized(COUNTS, 4, TODAY).days
    assert [(day.name, day.shown) for day in days] == [
        ("2026-02-27", 0),
        ("2026-02-28", 20),
        ("2026-03-01", 0),
        ("2026-03-02", 10),
    ]
    assert days[0].rate is None


def test_delays_are_told_for_model_and_cache() -> None:
    model, cache = summarized(COUNTS, 4, TODAY).delays
    assert (model.name, model.answers, cache.name, cache.answers) == ("model", 10, "cache", 5)
    assert 0.09 < model.p50_s < 0.128 < model.p95_s <= 1.024
    assert cache.p95_s <= 0.001


def test_reasons_for_silence_come_with_the_most_frequent_first() -> None:
    assert summarized(COUNTS, 4, TODAY).silences == (("inside-word", 9), ("empty", 3))


def test_without_counts_there_is_nothing() -> None:
    assert summarized((), 30, TODAY).is_empty
    assert not summarized(COUNTS[-1:], 30, TODAY).is_empty


def bars(picture: ET.Element, colour: str) -> list[float]:
    found = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") == colour]
    return [float(rect.get("height") or 0) for rect in found if rect.find(f"{SVG}title") is not None]


def test_the_picture_has_a_bar_for_each_day_and_a_point_for_each_rate() -> None:
    picture = ET.fromstring(svg(summarized(COUNTS, 4, TODAY).days))
    shown, accepted = bars(picture, SHOWN), bars(picture, ACCEPTED)
    assert [height > 0 for height in shown] == [False, True, False, True]
    assert shown[1] == pytest.approx(2 * shown[3])
    assert accepted[3] == pytest.approx(shown[3] / 2)
    points = [circle for circle in picture.iter(f"{SVG}circle") if circle.get("fill") == RATE]
    assert len(points) == 2


@pytest.mark.parametrize("days", [1, 30, 400])
def test_any_number_of_days_is_a_picture(days: int) -> None:
    picture = ET.fromstring(svg(summarized((), days, TODAY).days))
    assert len(bars(picture, SHOWN)) == days
    labels = [text.text for text in picture.iter(f"{SVG}text") if text.text and "-" in text.text]
    assert 1 <= len(labels) <= 11
