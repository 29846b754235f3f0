"""Names: what arguments, variables and functions are called."""

import keyword
import random
import re
from collections.abc import Collection

from training.family.execution import Chain
from training.family.operation import CALLABLE, NAMESPACE, Kind


def _row(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What a function is given. No name stands in two rows, so that a name tells the type as it does in good code.
ARGUMENTS: dict[Kind, tuple[str, ...]] = {
    "number": _row("""
        price level age temperature balance speed distance stock_count weight height budget_left points_scored
        reading_now mileage seat floor_number minutes number n
    """),
    "numbers": _row("""
        readings scores prices temperatures marks ages points distances heights weights sales deposits counts
        samples levels lap_times daily_totals step_counts takings goals rainfall_figures balances durations
        numbers values measurements
    """),
    "text": _row("""
        title sentence line message comment phrase label note headline caption password answer text subject
        address motto
    """),
    "texts": _row("""
        names titles lines words tags cities labels comments messages colours guests file_names answers fruits
        countries teams
    """),
    "table": _row("""
        stock inventory ledger price_list tally scoreboard menu catalogue score_table register
        headcount shopping_list vote_count
    """),
    "records": _row("""
        orders entries payments shifts visits bookings purchases transactions records donations invoices
        expenses claims rows
    """),
    "day": _row("""
        start deadline birthday due_day invoice_day arrival departure day delivery_day launch
        opening_day check_in
    """),
    "days": _row("""
        holidays deadlines meetings birthdays appointments workdays delivery_days concerts exam_days check_ins
        dates_booked launches
    """),
    "truth": ("flag",),
}  # fmt: skip

# What a step's result is called: words for the kind of thing, and nothing about how it came to be.
VARIABLES: dict[Kind, tuple[str, ...]] = {
    "number": ("number", "figure", "amount", "outcome", "quantity"),
    "numbers": ("numbers", "values", "figures", "series", "picked", "kept"),
    "text": ("text", "phrase", "wording", "content"),
    "texts": ("texts", "strings", "pieces", "parts", "entries"),
    "table": ("table", "mapping", "lookup", "by_key"),
    "records": ("records", "rows", "selected", "found"),
    "day": ("day", "moment", "when"),
    "days": ("days", "calendar", "schedule"),
    "truth": ("answer", "verdict", "holds"),
}

VAGUE = _row("""
    summary process_{x} figure_for_report handle_{x} analyse_{x} report evaluate_{x} result_for {x}_report
    {x}_summary compute transform_{x} derive prepare_{x} work_out look_at_{x} from_{x} answer_for_{x} review
    check_{x} digest convert_{x} study_{x} {x}_figure inspect_{x} describe_{x} outcome_of_{x} run_{x}
    get_result step_for_{x} treat_{x} make_report monthly_report daily_check tidy_{x} examine_{x} use_{x}
    solve task helper
""")  # fmt: skip
VAGUE_SHARE = 0.6
TELLING_SHARE = 0.15

RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | NAMESPACE | CALLABLE
_SMALL_WORDS_TEXT = """
    a an the of in on at to for from by with and or is are was were be been it its that this those these which
    who what where when how whether each every all any than then as if ones one they them their there not no
    has have had do does did would could can more most such so up out into over under between among
"""
_SMALL_WORDS = frozenset(_SMALL_WORDS_TEXT.split())
_NAME_CHARS_MAX = 40


def draw_argument(rng: random.Random, kind: Kind, taken: Collection[str]) -> str:
    """Draw the name of the argument."""
    return _draw_free(rng, ARGUMENTS[kind], taken)


def draw_variable(rng: random.Random, kind: Kind, taken: Collection[str]) -> str:
    """Draw the name of a step's result."""
    return _draw_free(rng, VARIABLES[kind], taken)


def draw_function(
    rng: random.Random, chain: Chain, argument: str, phrase: str, taken: Collection[str]
) -> str:
    """Draw the name of the function: mostly vague, sometimes from its words or operations."""
    telling = f"{chain[-1].operation.name}_of_{argument}"
    share = rng.random()
    if share < VAGUE_SHARE:
        name = rng.choice(VAGUE).replace("{x}", argument)
    elif share < VAGUE_SHARE + TELLING_SHARE:
        name = telling
    else:
        name = _from_words(rng, phrase, argument)
    return name if name not in taken and name not in RESERVED else telling


def noun_phrase(argument: str) -> str:
    """Return how a docstring speaks of an argument."""
    return f"the {argument.replace('_', ' ')}" if len(argument) > 1 else argument


def _from_words(rng: random.Random, phrase: str, argument: str) -> str:
    """Take two or three telling words of the docstring, as people do who name a function last."""
    words = re.findall(r"[a-z]+", phrase.lower().replace("'", ""))
    words = [word for word in words if word not in _SMALL_WORDS] or [argument]
    name = "_".join(words[: rng.choice((2, 2, 3))])
    return name[:_NAME_CHARS_MAX].rstrip("_")


def _draw_free(rng: random.Random, choices: tuple[str, ...], taken: Collection[str]) -> str:
    free = [name for name in choices if name not in taken and name not in RESERVED]
    return rng.choice(free) if free else f"the_{choices[0]}"
