"""The user's agreement on the command line: what would be sent, where to, for how much."""

import sys

from cope_lsp.assistant import Assistant
from cope_lsp.egress import offline
from cope_lsp.ledger.entries import usd
from cope_lsp.loading import is_offline
from cope_lsp.models.question import Question, Quote


def terms(quote: Quote) -> str:
    """Return in a sentence what asking would send and cost."""
    count = len(quote.redacted)
    hidden = f", {count} secret{'s' if count > 1 else ''} taken out," if count else ""
    return (
        f"{quote.bytes} bytes{hidden} would go to {quote.model} at {quote.endpoint}, "
        f"for at most {usd(quote.bound_nusd)}."
    )


def consent(assistant: Assistant, question: Question, quote: Quote, *, yes: bool, look: str) -> bool:
    """Ask once per project and server whether text may go there; True: it may, or the gate will say why not.

    Args:
        assistant: whose record of consent counts.
        question: what would be asked.
        quote: its terms.
        yes: the user said so on the command line.
        look: how to see what would be sent, for the question.
    """
    if assistant.consent.answer(question.workspace, quote.endpoint) is not None:
        return True  # what was denied is refused by the gate, with the way to change it
    if offline.is_on() or is_offline(question.workspace):
        return True
    if not yes and not asked(
        f"{terms(quote)} {look}", f"May text of {question.workspace} be sent there, now and later?"
    ):
        return False
    assistant.consent.record(question.workspace, quote.endpoint, "allowed")
    return True


def money(quote: Quote, most_nusd: int) -> bool:
    """Ask whether a call may be made."""
    more = f", {usd(most_nusd)} with all that may follow" if most_nusd > quote.bound_nusd else ""
    return asked(
        f"{quote.model} at {quote.endpoint} can be asked for at most {usd(quote.bound_nusd)}{more}.",
        "Ask it?",
    )


def can_ask() -> bool:
    """Whether somebody is at the terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def asked(said: str, question: str) -> bool:
    """Ask on the terminal; without one there is nobody to ask, and the answer is no."""
    if not can_ask():
        return False
    print(said, file=sys.stderr)
    print(f"{question} [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
