"""The rules that find secrets: read from `rules/`, turned into Python's expressions, compiled when needed."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any

from cope_lsp.egress.likeness import LIKENESSES, MARK, entropy

BEFORE_MAX = 200
AFTER_MAX = 1200
"""Characters around a keyword in which a rule looks. What is cut at the end of them is found by `run_end`."""

RUN_MAX = 20_000

Span = tuple[int, int]

_PREFIX = r"[\w.-]{0,50}?"
_END = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
_END_OF_VALUE = r"""(?:[\x60'"\s;\\]|$)"""
_END_OF_TOKEN = r"""(?:[\x60'"\s;\\,)\]}<&]|$)"""  # noqa: S105 - a pattern
_RUN = re.compile(r"(?:[\w+/=-]|\.(?=\w))*", re.ASCII)
_NAME_BEFORE = re.compile(r"[\w.-]{0,50}\Z", re.ASCII)
_FLAG = "(?i)"


@dataclass(frozen=True)
class Rule:
    """One rule. `keywords` are lower-case; a text without one of them holds nothing that the rule finds."""

    kind: str
    keywords: tuple[str, ...]
    source: str
    at_keyword: bool
    """Match where a keyword begins, instead of searching around it."""
    looks_right: Callable[[str], bool]
    every: str = ""
    """If given: what to take out of the value, each time it occurs."""
    group: int = 0
    entropy_min: float = 0.0
    allowed: tuple["Allowed", ...] = field(default=())

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.source, re.ASCII)

    def spans(self, text: str, hits: Mapping[str, list[int]]) -> Iterator[Span]:
        """Yield where secrets are, given where each keyword is."""
        for match in self._matches(text, hits):
            start, end = self._value(match)
            if self.every:
                for part in re.finditer(self.every, text[start:end], re.ASCII):
                    if self.looks_right(part[1]):
                        yield start + part.start(1), start + part.end(1)
            elif self._is_secret(text, match, text[start:end]):
                yield start, end

    def _matches(self, text: str, hits: Mapping[str, list[int]]) -> Iterator[re.Match[str]]:
        starts = sorted({place for keyword in self.keywords for place in hits[keyword]})
        if self.at_keyword:
            done = -1
            for start in starts:
                if start >= done and (match := self.expression.match(text, start)):
                    yield match
                    done = self._value(match)[0]
            return
        for start, end in _windows(starts, len(text)):
            yield from self.expression.finditer(text, start, end)

    def _value(self, match: re.Match[str]) -> Span:
        if self.group:
            return match.span(self.group)
        for index in range(1, match.re.groups + 1):
            if match[index]:
                return match.span(index)
        return match.span()

    def _is_secret(self, text: str, match: re.Match[str], value: str) -> bool:
        if MARK in value or not value or entropy(value) < self.entropy_min:
            return False
        if not self.looks_right(value):
            return False
        return not any(allowed.covers(text, match, value) for allowed in self.allowed)


@dataclass(frozen=True)
class Allowed:
    """What a rule finds although it is none: by an expression, or by a word in it."""

    expressions: tuple[re.Pattern[str], ...]
    words: tuple[str, ...]
    target: str

    def covers(self, text: str, match: re.Match[str], value: str) -> bool:
        """Tell whether the value, or what stands around it, is allowed."""
        low = value.lower()
        if any(word in low for word in self.words):
            return True
        where = value
        if self.target == "match":
            name = _NAME_BEFORE.search(text, max(0, match.start() - 50), match.start())
            where = (name[0] if name else "") + match[0]
        elif self.target == "line":
            start = text.rfind("\n", max(0, match.start() - 1000), match.start()) + 1
            where = text[max(start, match.start() - 1000) : match.end() + 200].partition("\n")[0]
        return any(expression.search(where) for expression in self.expressions)


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules, those with the most telling names first."""
    own = tomllib.loads(_text("own.toml"))
    theirs = tomllib.loads(_text("gitleaks.toml"))
    everywhere = _allowed(theirs["allowlist"])
    named = [
        _gitleaks_rule(rule, everywhere) for rule in theirs["rules"] if rule["id"] not in own["replaced"]
    ]
    named.sort(key=lambda rule: rule.kind == "generic-api-key")
    ours = [_own_rule(rule, own["fragments"]) for rule in own["rules"]]
    vague = {"password", "token", "cookie"}
    return (
        *(rule for rule in ours if rule.kind not in vague),
        *named[:-1],
        *(rule for rule in ours if rule.kind in vague),
        named[-1],
    )


def _windows(starts: Iterable[int], length: int) -> Iterator[Span]:
    begin = end = -1
    for place in starts:
        if end >= 0 and place - BEFORE_MAX > end:
            yield begin, end
            begin = -1
        begin = max(0, place - BEFORE_MAX) if begin < 0 else begin
        end = min(length, place + AFTER_MAX)
    if end >= 0:
        yield begin, end


def run_end(text: str, end: int) -> int:
    """Return where the run of characters that tokens are made of ends, after `end`."""
    match = _RUN.match(text, end, min(len(text), end + RUN_MAX))
    return match.end() if match else end


def _text(name: str) -> str:
    return (resources.files("cope_lsp.egress") / "rules" / name).read_text("utf-8")


def _own_rule(rule: Mapping[str, Any], fragments: Mapping[str, str]) -> Rule:
    return Rule(
        rule["id"],
        tuple(rule["keywords"]),
        rule["regex"] + fragments.get(rule.get("then", ""), ""),
        at_keyword=rule.get("start") == "keyword",
        looks_right=LIKENESSES[rule["likeness"]] if "likeness" in rule else _anything,
        every=rule.get("every", ""),
    )


def _gitleaks_rule(rule: Mapping[str, Any], everywhere: Allowed) -> Rule:
    allowed = [_allowed(entry) for entry in rule.get("allowlists", ()) if entry.get("condition") != "AND"]
    return Rule(
        rule["id"],
        tuple(keyword.lower() for keyword in rule["keywords"]),
        python_expression(rule["regex"]),
        at_keyword=rule["id"] == "generic-api-key",
        looks_right=_anything,
        group=rule.get("secretGroup", 0),
        entropy_min=rule.get("entropy", 0.0),
        allowed=(everywhere, *allowed),
    )


def _anything(_value: str) -> bool:
    return True


def _allowed(entry: Mapping[str, Any]) -> Allowed:
    expressions = tuple(re.compile(python_expression(text), re.ASCII) for text in entry.get("regexes", ()))
    words = tuple(word.lower() for word in entry.get("stopwords", ()))
    return Allowed(expressions, words, entry.get("regexTarget", "secret"))


def python_expression(source: str) -> str:
    """Return Go's expression `source` as Python reads it.

    A `(?i)` in the middle moves to the front: Python allows it nowhere else, and finding more is harmless.
    The name before a keyword, which most rules begin with, is dropped: it is context that makes each
    search fifty times as long. A value may end at a quote that is escaped, too, and a token that is known by
    its shape at any sign that closes something.
    """
    folded = _FLAG in source
    bare = source.replace(_FLAG, "").replace(r"\z", r"\Z")
    bare = bare.replace("[[:alnum:]]", "[A-Za-z0-9]").replace("[:alnum:]", "A-Za-z0-9")
    ends = _END_OF_VALUE if _PREFIX in bare else _END_OF_TOKEN
    bare = bare.replace(_END, ends).removeprefix(_PREFIX).replace("(?i:" + _PREFIX, "(?i:")
    return (_FLAG if folded else "") + bare
