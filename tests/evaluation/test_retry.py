"""A stand-in that is asked again after its draft failed."""

from cope_lsp.cascade import planner
from cope_lsp.evaluation.trials.retry import VERIFY_SYSTEM, Retrying, complaint
from cope_lsp.models.standin import Asked
from cope_lsp.values import Generation, Limits, Sampling, Text
from tests.evaluation.conftest import HEAD, Scribe

GENERATION = Generation((Text("x", 10, "tail"),), Limits(10, 1.0), Sampling(0.0))


async def samplings(*texts: str) -> list[Sampling]:
    """Return how a model is made to answer each question."""
    scribe = Scribe(*texts)
    played, read = Retrying.of(scribe)
    for text in texts:
        read(Asked(planner.DRAFT_SYSTEM, text, 100, 0.0, ()))
        assert [answer async for answer in played.generate(GENERATION)]
    return [asked.sampling for asked in scribe.asked]


def again(number: int, evidence: str = "assert f() == 1") -> str:
    return f"Now it fails: {complaint(number, 3, evidence)}\n\n{HEAD}    raise NotImplementedError\n"


async def test_a_second_try_is_another_one_and_the_same_every_time() -> None:
    first, second, third, repeated = await samplings(HEAD, again(1), again(2), again(1))
    assert first == Sampling(0.0)
    assert second.temperature == third.temperature == 0.8
    assert second.seed != third.seed
    assert repeated == second


async def test_what_failed_in_a_cascade_is_answered_greedily() -> None:
    assert await samplings(f"Now it fails: assert f() == 1\n\n{HEAD}") == [Sampling(0.0)]


def test_a_question_for_yes_or_no_is_put_as_a_text_to_go_on_with() -> None:
    _, read = Retrying.of(Scribe())
    reading = read(Asked(VERIFY_SYSTEM, f"{HEAD}    return 1\n", 100, 0.0, ()))
    assert reading.text.endswith(
        "    return 1\n# Does it do what its documentation says? Answer yes or no:\n#"
    )
    assert reading.stop == ("\n",)
