"""What is shown of a model's text: golden cases in filters.toml, and what holds for every text."""

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.completion import filters
from cope_lsp.completion.request import place_of
from cope_lsp.values import Silence, SilenceReason
from tests.conftest import scaled

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("filters.toml").read_text("utf-8"))[
    "case"
]


def filtered(
    text: str,
    *,
    before: str = "",
    after: str = "",
    below: str = "",
    explicit: bool = False,
    language: str = "python",
    is_cut_off: bool = False,
) -> str | Silence:
    """Return what the filters leave of `text` between `before` and `after`."""
    place = place_of(before + after + below, len(before))
    assert place.after == after, "the rest of the line ends where the text below begins"
    above = before.removesuffix(place.before)
    return filters.apply(text, filters.Surroundings(place, explicit, above, language, is_cut_off))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, Any]) -> None:
    case = dict(case)
    del case["name"]
    expected = {key: case.pop(key) for key in ("shown", "silence") if key in case}
    came = filtered(case.pop("text"), **case)
    key = "silence" if isinstance(came, Silence) else "shown"
    assert {key: came.reason if isinstance(came, Silence) else came} == expected


def test_no_two_golden_cases_have_one_name() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


def test_every_reason_of_a_filter_has_a_golden_case() -> None:
    reasons = {reason for reason, _ in filters.FILTERS}
    assert reasons <= set(get_args(SilenceReason))
    assert reasons - {"repeats-itself"} == {case["silence"] for case in CASES if "silence" in case}


def test_a_silence_tells_what_the_model_wrote() -> None:
    silence = filtered("<|fim_middle|>" + "x" * 200)
    assert isinstance(silence, Silence)
    assert silence.detail.startswith("the model wrote '<|fim_middle|>x")
    assert len(silence.detail) < 120


WIDE = "\N{FULLWIDTH VERTICAL LINE}"
MARKS = ["<|fim_middle|>", "<fim_suffix>", f"<{WIDE}fim\u2581hole{WIDE}>", "</s>", "<EOT>"]

pieces = st.one_of(
    st.sampled_from(["a", "0", " ", "    ", "\n", "\r\n", "\r", "foo", "return x", "<|", "|>", "-", "="]),
    st.sampled_from(["(", ")", "[", "]", "{", "}", '"', "'", ":", ";", ","]),
    st.sampled_from(MARKS),
)
codes = st.lists(pieces, max_size=30).map("".join)
one_line = codes.map(lambda text: text.replace("\r", "").replace("\n", ""))


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(text=codes, before=codes, after=one_line, below=codes, explicit=st.booleans())
def test_what_is_shown_is_a_clean_beginning_of_the_text(
    *, text: str, before: str, after: str, below: str, explicit: bool
) -> None:
    shown = filtered(text, before=before, after=after, below="\n" + below, explicit=explicit)
    if isinstance(shown, Silence):
        return
    assert text.replace("\r\n", "\n").replace("\r", "\n").startswith(shown)
    assert shown == shown.rstrip()
    assert not any(mark in shown for mark in MARKS)
    assert explicit or len(shown.strip()) >= filters.AUTOMATIC_CHARACTERS_MIN
