"""Which of several texts is shown first."""

from cope_lsp.completion.candidates import SHOWN_MAX, Candidate, ranked


def candidate(
    text: str, *, compiles: bool | None = True, unknown_names: int = 0, likely: float = -1.0
) -> Candidate:
    return Candidate(text, compiles, unknown_names, likely, shape=text.strip())


def texts(*candidates: Candidate) -> list[str]:
    return [each.text for each in ranked(candidates)]


def test_the_likelier_of_two_goes_first() -> None:
    assert texts(candidate("a", likely=-3), candidate("b", likely=-2)) == ["b", "a"]


def test_what_was_drawn_more_often_goes_before_what_is_likelier() -> None:
    assert texts(candidate("a", likely=-3), candidate("b", likely=-2), candidate("a", likely=-3)) == [
        "a",
        "b",
    ]


def test_known_names_go_before_what_was_drawn_more_often() -> None:
    assert texts(candidate("a", unknown_names=1), candidate("a", unknown_names=1), candidate("b")) == [
        "b",
        "a",
    ]


def test_what_is_sound_goes_before_all_else() -> None:
    assert texts(candidate("a", compiles=False), candidate("b", unknown_names=9, likely=-99)) == ["b", "a"]


def test_what_cannot_be_judged_is_not_held_against_it() -> None:
    assert texts(candidate("a", compiles=None, likely=-1), candidate("b", likely=-2)) == ["a", "b"]


def test_two_that_say_the_same_are_shown_once_in_the_likelier_form() -> None:
    assert texts(candidate("a ", likely=-3), candidate("a", likely=-2)) == ["a"]


def test_no_more_than_a_few_are_shown() -> None:
    assert len(ranked([candidate(str(each)) for each in range(9)])) == SHOWN_MAX


def test_nothing_of_nothing() -> None:
    assert ranked([]) == []
