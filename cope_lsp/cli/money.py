"""Amounts of money as people type them on the command line."""

import argparse
from decimal import Decimal, InvalidOperation

from cope_lsp.ledger.entries import AMOUNT_NUSD_MAX

NONE = "none"


def amount_nusd(text: str) -> int | None:
    """Return nano-USD for "0.05", "$5" or "5 USD"; None for "none".

    Raises:
        argparse.ArgumentTypeError: it is no such amount.
    """
    if text.strip().lower() == NONE:
        return None
    try:
        amount = Decimal(text.upper().replace("USD", "").replace("$", "").strip()) * 10**9
        whole = int(amount)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise _refusal(text) from error
    if amount != whole or not 0 <= whole <= AMOUNT_NUSD_MAX:
        raise _refusal(text)
    return whole


def _refusal(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f'{text!r} is no amount of USD such as 0.05; "{NONE}" means no limit')
