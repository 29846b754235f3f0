"""What was offered, and what became of it: told by clients, or seen in how the text changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import ref

from cope_lsp.feedback.counts import Group
from cope_lsp.feedback.follow import ROW_END, Change, Point, behind, moved, passage
from cope_lsp.feedback.recorder import Recorder
from cope_lsp.feedback.share import kept_share
from cope_lsp.feedback.taken import Outcome, judged, matched
from cope_lsp.values import Suggestion

OFFERS_MAX = 200
"""Offers whose ids are remembered; the oldest makes room."""
SEEN_AFTER_S = 0.25
"""How long an offer must stand before it counts as shown, unless the client says so."""
LOOK_AFTER_S = 30.0
"""When it is looked at how much of an accepted text is still there."""
ROWS_MAX = 200
"""What became longer than this is no offer any more."""
ROWS_AROUND = 2
"""Rows above and below an accepted text that may hold what was moved out of it."""

_RANKS: dict[Outcome | None, int] = {None: 0, "rejected": 1, "typed": 1, "partly": 2, "accepted": 3}
"""An outcome takes the place of one of a lower rank: who accepts a word of an offer may accept the rest."""


class EditedText(Protocol):
    """A text that an editor has open, as far as it matters here."""

    on_change: Callable[[Change], None] | None
    """Called with each change, after it was made."""

    def rows(self, first: int, last: int) -> Sequence[str]:
        """Return the lines `first` to `last`, both included, with their ends; fewer if there are fewer."""


@dataclass(slots=True, eq=False)
class Offer:
    """A suggestion at a place: one text, or several to choose from."""

    group: Group
    suggestion: Suggestion
    texts: list[str]
    start: Point
    end: Point
    """The end of the last row that belongs to it."""
    after: str
    """What stands behind the place in that row."""
    length: int = 0
    """How many characters of it stand there."""
    is_shown: bool = False
    outcome: Outcome | None = None
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class _Accepted:
    offer: Offer
    text: str
    start: Point
    end: Point


@dataclass(slots=True, eq=False)
class _Watched:
    """What is followed in one document: the offer on the screen, and texts accepted a short while ago."""

    document: "ref[EditedText]"
    offer: Offer | None = None
    accepted: list[_Accepted] = field(default_factory=list)
    is_changed: bool = False


class Offers:
    """The offers of one editor. Used on its event loop; nothing here waits or reads files.

    An offer is followed while it is on the screen, which is until there is a newer one in its document. What
    a client tells and what is seen are one outcome, counted once.
    """

    def __init__(
        self, recorder: Recorder, *, seen_after_s: float = SEEN_AFTER_S, look_after_s: float = LOOK_AFTER_S
    ) -> None:
        self.accepted = 0
        """How many were accepted."""
        self.tells_late = False
        """Whether the editor tells several keys at once, and always tells when an offer is accepted."""
        self._recorder = recorder
        self._seen_after_s = seen_after_s
        self._look_after_s = look_after_s
        self._by_id: OrderedDict[str, tuple[Offer, str]] = OrderedDict()
        self._watched: OrderedDict[str, _Watched] = OrderedDict()
        self._looking: set[asyncio.Task[None]] = set()

    # -- what the server offers -------------------------------------------------------------------

    def add(
        self,
        offer_id: str,
        text: str,
        suggestion: Suggestion,
        group: Group,
        *,
        uri: str,
        document: EditedText,
        where: tuple[Point, Point],
    ) -> None:
        """Remember that `text` is offered in the place of what lies between two points of one row.

        Another text of the same suggestion is a choice beside it; what is left of an offer, after a part of
        it was typed, is the same offer.
        """
        watched, item = self._watch(uri, document), text
        self._judge(watched)
        start, end = where
        offer, row = watched.offer, _row(document, start)
        typed = None if offer is None else _typed(offer, document, start)
        if offer is None or typed is None or not _is_of(offer, suggestion, typed + text):
            self._leave(offer)
            found = matched([text], row[start[1] : end[1]])
            length = found[1] if found else 0
            offer = Offer(group, suggestion, [text], start, (end[0], ROW_END), row[end[1] :], length)
            watched.offer = offer
            offer.timer = asyncio.get_running_loop().call_later(self._seen_after_s, self._show, offer)
        else:
            text = typed + text
            offer.suggestion, offer.after = suggestion, row[end[1] :]
            offer.texts += [text] * (text not in offer.texts)
        self._by_id[offer_id] = offer, item
        if len(self._by_id) > OFFERS_MAX:
            self._by_id.popitem(last=False)

    # -- what the client tells -------------------------------------------------------------------------

    def show(self, offer_id: str) -> None:
        """Take it that an offer is on the screen."""
        if found := self._by_id.get(offer_id):
            self._show(found[0])

    def accept(self, offer_id: str) -> bool:
        """Take it that an offer was put in; False for an id that is not known (any more)."""
        found = self._by_id.pop(offer_id, None)
        if found is not None:
            self._settle(found[0], "accepted")
        return found is not None

    def accept_part(self, offer_id: str, utf16_units: int) -> None:
        """Take it that so many UTF-16 units of an offer's text were put in."""
        found = self._by_id.get(offer_id)
        if found is None or utf16_units <= 0:
            return
        offer, text = found
        is_all = utf16_units >= len(text.encode("utf-16-le", "surrogatepass")) // 2
        self._settle(offer, "accepted" if is_all else "partly")

    # -- what is seen --------------------------------------------------------------------------------------

    def _watch(self, uri: str, document: EditedText) -> _Watched:
        watched = self._watched.get(uri)
        if watched is None or watched.document() is not document:
            self._leave(watched.offer if watched else None)
            watched = self._watched[uri] = _Watched(ref(document))
            document.on_change = lambda change: self._changed(watched, change)
        self._watched.move_to_end(uri)
        if len(self._watched) > OFFERS_MAX:
            _, oldest = self._watched.popitem(last=False)
            self._leave(oldest.offer)
            _unwatch(oldest)
        return watched

    def _changed(self, watched: _Watched, change: Change) -> None:
        """Follow a change; what came of all changes of a message is judged when all were made."""
        for each in watched.accepted:
            each.start, each.end = moved(each.start, change), moved(each.end, change)
        offer = watched.offer
        if offer is None:
            return
        if change.start < offer.start <= change.end:  # what it goes on from is gone
            self._leave(offer)
            watched.offer = None
            return
        if change.touches(offer.start, offer.end) and not watched.is_changed:
            watched.is_changed = True
            asyncio.get_running_loop().call_soon(self._judge, watched)
        offer.start, offer.end = moved(offer.start, change), moved(offer.end, change, is_end=True)

    def _judge(self, watched: _Watched) -> None:
        offer, document = watched.offer, watched.document()
        if not watched.is_changed:
            return
        watched.is_changed = False
        if offer is None or document is None:
            return
        there = _there(offer, document)
        found = None if there is None else matched(offer.texts, there)
        if found is None:
            if there is not None and offer.is_shown:
                self._settle(offer, "rejected")
            self._leave(offer)
            watched.offer = None
            return
        text, length = found
        before, offer.length = offer.length, length
        outcome = judged(text, before, length, may_insert=not self.tells_late)
        if outcome is not None and (offer.is_shown or outcome != "typed"):
            self._settle(offer, outcome)
        if offer.outcome is not None or length == len(text):  # that it was accepted may be told later
            self._follow(watched, offer, text[:length])
        if length == len(text):
            self._leave(offer)
            watched.offer = None

    def _show(self, offer: Offer) -> None:
        if offer.timer is not None:
            offer.timer.cancel()
            offer.timer = None
        if not offer.is_shown:
            offer.is_shown = True
            self._recorder.count(offer.group, "outcome", "shown")

    def _settle(self, offer: Offer, outcome: Outcome) -> None:
        """Count an outcome in the place of a lesser one."""
        if _RANKS[outcome] <= _RANKS[offer.outcome]:
            return
        self._show(offer)
        if offer.outcome is not None:
            self._recorder.count(offer.group, "outcome", offer.outcome, -1)
        self._recorder.count(offer.group, "outcome", outcome)
        self.accepted += outcome == "accepted"
        offer.outcome = outcome

    @staticmethod
    def _leave(offer: Offer | None) -> None:
        """Stop to wait whether an offer that is gone from the screen has been seen."""
        if offer is not None and offer.timer is not None:
            offer.timer.cancel()
            offer.timer = None

    # -- what is left of it ------------------------------------------------------------

    def _follow(self, watched: _Watched, offer: Offer, text: str) -> None:
        end = behind(offer.start, text)
        for each in watched.accepted:
            if each.offer is offer:
                each.text, each.start, each.end = text, offer.start, end
                return
        accepted = _Accepted(offer, text, offer.start, end)
        watched.accepted.append(accepted)
        asyncio.get_running_loop().call_later(self._look_after_s, self._begin_to_look, watched, accepted)

    def _begin_to_look(self, watched: _Watched, accepted: _Accepted) -> None:
        watched.accepted.remove(accepted)
        document = watched.document()
        if document is None or accepted.offer.outcome not in {"accepted", "partly"}:
            return
        first, last = max(accepted.start[0] - ROWS_AROUND, 0), accepted.end[0] + ROWS_AROUND
        now = "".join(document.rows(first, min(last, first + ROWS_MAX)))
        looking = asyncio.ensure_future(self._look(accepted, now))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)

    async def _look(self, accepted: _Accepted, now: str) -> None:
        share = await asyncio.to_thread(kept_share, accepted.text, now)
        group = accepted.offer.group
        self._recorder.count(group, "kept", "looked")
        self._recorder.count(group, "kept", "permille", round(1000 * share))


def _is_of(offer: Offer, suggestion: Suggestion, text: str) -> bool:
    return offer.suggestion is suggestion or text in offer.texts


def _typed(offer: Offer, document: EditedText, point: Point) -> str | None:
    """Return what was typed of an offer up to a point; None when that is not below its start."""
    if offer.start > point or point[0] - offer.start[0] > ROWS_MAX:
        return None
    rows = document.rows(offer.start[0], point[0])
    return passage(rows, (0, offer.start[1]), _below(offer, point))


def _there(offer: Offer, document: EditedText) -> str | None:
    """Return what stands at the place of an offer; None when the text around it has changed."""
    if offer.end[0] - offer.start[0] > ROWS_MAX:
        return None
    rows = document.rows(offer.start[0], offer.end[0])
    text = passage(rows, (0, offer.start[1]), _below(offer, offer.end))
    if text.endswith(offer.after):
        return text.removesuffix(offer.after)
    return "" if text.startswith(offer.after) else None


def _below(offer: Offer, point: Point) -> Point:
    return point[0] - offer.start[0], point[1]


def _row(document: EditedText, point: Point) -> str:
    return passage(document.rows(point[0], point[0]), (0, 0), (0, ROW_END))


def _unwatch(watched: _Watched) -> None:
    document = watched.document()
    if document is not None:
        document.on_change = None
