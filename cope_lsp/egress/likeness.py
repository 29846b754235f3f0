"""Whether a value looks like a secret, or like the code and the placeholders that a model is to see.

Kept on purpose: one dictionary word, words joined by signs, and a placeholder with digits on it
("changeme", "my-secret-name", "password123", "<your key>", "${TOKEN}"). Values with blanks in them are kept
too: they are sentences far more often than pass phrases.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

MARK = "\0"
"""Stands in the scanned text where something was redacted before."""

_PLACEHOLDER_WORDS = """
a abc abcd abcde abcdef admin anonymous api apikey authorization bar basic baz bearer changeit changeme
changethis default demo dummy example fake false foo foobar guest hidden invalid key letmein login
mock mypass mypassword mypw mysecret mytoken name new nil none null old pass passphrase passwd password
passwort placeholder postgres pw pwd qwerty redacted root sample secret sekret spam string test testing
todo token true undefined user username value wrong xxx yourkey yourpassword yoursecret yourtoken
"""
_PLACEHOLDERS = frozenset(_PLACEHOLDER_WORDS.split())
_PLACEHOLDER_PART = re.compile(
    r"(?i)change[-_]?(?:me|it|this)|example|place-?_?holder|dummy|your[-_]|redacted|x{4}|\*{3}|\.{3}|<|>"
    r"|\$\{|\$\(|\{\{|%\(|insert[-_]|replace[-_]|fixme|todo"
)
_CORE = re.compile(r"[^\W\d_].*[^\W\d_]|[^\W\d_]", re.DOTALL)
_REFERENCE = re.compile(r"[$%@#&]?\{?[A-Za-z_][\w.:-]*\}?%?|\{[^}]*\}|%[a-z]|\$\w+|[^\w\s]+")
_PLACE = re.compile(
    r"\.{0,2}/[\w./-]*|~/.*|[a-z]+://[^\s@]*|[A-Za-z]:[\\/].*|[\w-]+(?:/[\w.-]+)*\.[a-z]{1,5}"
)
_WORDS = re.compile(r"[^\d\s]+")
_TYPE = re.compile(
    r"(?i)(?:u?int|float|bool|char|str|string|sha|utf|md|base|byte|[iuf]|word)s?[-_]?\d+(?:_t)?"
)
_PIECE = re.compile(r"[a-z]+|[A-Z]+|\d+")
_SIGN = re.compile(r"[!@#$%^&*?~+=]")


def placeholder(value: str) -> bool:
    """Tell whether `value` stands for a secret instead of being one."""
    letters = _CORE.search(value)
    core = re.sub(r"[\W_]+", "", letters[0]).lower() if letters else ""
    return (
        MARK in value
        or core in _PLACEHOLDERS
        or len(set(value)) < 4
        or bool(_PLACEHOLDER_PART.search(value))
        or _runs_up(value)
    )


def made_up(value: str) -> bool:
    """Tell whether `value` looks random: its kinds of characters change more often than words let them."""
    pieces = sum(len(_PIECE.findall(word)) - 1 for word in re.findall(r"[A-Za-z0-9]+", value))
    digits = any(character.isdigit() for character in value)
    changes = pieces if digits else pieces - 2 * len(re.findall(r"[A-Z][a-z]{2,}", value))
    return entropy(value) >= 2.8 and changes >= max(3, len(value) // (8 if digits else 4))


def entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits."""
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())


def _runs_up(value: str) -> bool:
    """Tell whether most characters follow their neighbour in the alphabet, as in "abcdef123456"."""
    steps = sum(ord(after) - ord(before) == 1 for before, after in pairwise(value))
    return steps * 2 > len(value)


def _password(value: str) -> bool:
    if len(value) < 6 or placeholder(value) or _PLACE.fullmatch(value) or _TYPE.fullmatch(value):
        return False
    if any(character.isdigit() for character in value):
        return any(character.isalpha() for character in value) or len(value) >= 8
    joined = bool(_SIGN.search(value)) and not _REFERENCE.fullmatch(value)
    return (joined and "%" not in value and not value.endswith(("=", ":"))) or made_up(value)


def _bare_password(value: str) -> bool:
    if value.isidentifier() and not made_up(value):
        return _password(value) and bool(re.search(r"[A-Za-z]\d", value)) and "_" not in value
    return _password(value) and not re.fullmatch(r"[A-Za-z_][\w]*(?:[.:-]+[A-Za-z_]\w*)+", value)


def _token(value: str) -> bool:
    if len(value) < 8 or placeholder(value) or _PLACE.fullmatch(value) or _WORDS.fullmatch(value):
        return len(value) >= 16 and made_up(value) and not placeholder(value)
    return made_up(value)


def _bare_token(value: str) -> bool:
    dotted = re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", value)
    return _token(value) and not (dotted and entropy(value) < 4)


def _long(value: str) -> bool:
    return not placeholder(value) and entropy(value) >= 3


def _url(value: str) -> bool:
    port = re.match(r"\d{1,5}(?:/|$)", value)
    return len(value) >= 3 and not port and not placeholder(value) and not _REFERENCE_IN_URL.fullmatch(value)


_REFERENCE_IN_URL = re.compile(r"[$%]?[{(\[].*|%[a-z]|\$\w+|[A-Z]+(?:_[A-Z]+)*")


def _header(value: str) -> bool:
    return _token(value) or (len(value) >= 12 and value.endswith("=") and not placeholder(value))


LIKENESSES: dict[str, Callable[[str], bool]] = {
    "password": _password,
    "bare-password": _bare_password,
    "token": _token,
    "bare-token": _bare_token,
    "long": _long,
    "url": _url,
    "header": _header,
}
"""By the word that `rules/own.toml` uses."""
