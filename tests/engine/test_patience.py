"""How much somebody who waits is given."""

from cope_lsp.engine.patience import OUTPUT_TOKENS_MIN, PROMPT_TOKENS_MIN, Patience
from cope_lsp.engine.portion import Portion
from cope_lsp.values import FimMark, Prompt, Text

PROMPT: Prompt = (FimMark("prefix"), Text("a", 768, "tail"), FimMark("suffix"), Text("b", 256, "head"))


def patience(read_s: float = 0.0, draw_s: float = 0.0) -> Patience:
    """Return one that has seen how long a token takes to be read and to be drawn."""
    portion = Portion()
    made = Patience(portion)
    if read_s:
        portion.learn(64, 64 * read_s)
    if draw_s:
        made.learn(draw_s)
    return made


def shown(prompt: Prompt | None) -> list[int]:
    assert prompt is not None
    return [segment.tokens_max for segment in prompt if isinstance(segment, Text)]


def test_what_can_be_read_in_time_is_shown() -> None:
    assert patience(0.0001).shorter(PROMPT, 1024, 1024, 0.6) is None
    assert patience(0.01).shorter(PROMPT, 1024, 30, 0.6) is None, "most of it is remembered"
    assert patience().shorter(PROMPT, 1024, 1024, 0.6) is None, "nothing is known yet"


def test_both_sides_of_the_cursor_give_up_the_same_share() -> None:
    assert shown(patience(0.001).shorter(PROMPT, 1024, 1024, 0.512)) == [192, 64]


def test_so_little_that_it_is_of_no_use_is_never_shown() -> None:
    assert sum(shown(patience(1.0).shorter(PROMPT, 1024, 1024, 0.6))) == PROMPT_TOKENS_MIN
    assert patience(1.0).shorter(PROMPT, PROMPT_TOKENS_MIN, PROMPT_TOKENS_MIN, 0.6) is None


def test_as_many_tokens_are_drawn_as_fit() -> None:
    assert patience().output_tokens(40, 0, 0.6) == 40
    assert patience(draw_s=0.001).output_tokens(40, 0, 0.6) == 40
    assert patience(draw_s=0.03).output_tokens(40, 0, 0.6) == 20
    assert patience(draw_s=1.0).output_tokens(40, 0, 0.6) == OUTPUT_TOKENS_MIN
    assert patience(draw_s=1.0).output_tokens(4, 0, 0.6) == 4


def test_what_must_be_read_first_leaves_less_time_but_half_of_it() -> None:
    made = patience(read_s=0.01, draw_s=0.015)
    assert made.output_tokens(99, 15, 0.6) in {29, 30}
    assert made.output_tokens(99, 30, 0.6) == 20
    assert made.output_tokens(99, 1000, 0.6) == 20


def test_one_late_token_does_not_change_much() -> None:
    made = patience(draw_s=0.01)
    made.learn(0.05)
    assert 30 < made.output_tokens(100, 0, 0.6) < 40
