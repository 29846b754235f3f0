"""What became of an offer, by what clients tell and by how a text changes. The cursor is marked with |."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types

from cope_lsp.feedback.counts import group_of
from cope_lsp.feedback.offers import OFFERS_MAX, Offers
from cope_lsp.feedback.recorder import Recorder
from cope_lsp.feedback.store import Store
from cope_lsp.server.documents import LspDocument
from cope_lsp.values import Suggestion

URI = "file:///a.py"
SOON_S = 0.05
GROUP = group_of("python", "some-model", "model")


class Scene:
    """A document with offers, and what was counted of them."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._recorder = Recorder(self._store)
        self.offers = Offers(self._recorder, seen_after_s=SOON_S, look_after_s=4 * SOON_S)
        self.document = LspDocument(URI, "", 1, "python", "utf-32")
        self._at = 0
        self._number = 0

    def open(self, marked: str) -> None:
        self._at = marked.index("|")
        self.document = LspDocument(URI, marked.replace("|", ""), 1, "python", "utf-32")

    def offer(self, *texts: str, at: int | None = None, word: int = 0) -> list[str]:
        """Offer texts in the place of the last `word` characters before the cursor; return their ids."""
        suggestion, offset = Suggestion(texts[0]), self._at if at is None else at
        start, end = (self._place(place) for place in (offset - word, offset))
        ids = []
        for text in texts:
            self._number += 1
            ids.append(f"offer-{self._number}")
            self.offers.add(
                ids[-1], text, suggestion, GROUP, uri=URI, document=self.document, where=(start, end)
            )
        return ids

    async def edit(self, *changes: tuple[int, int, str]) -> None:
        """Make the changes of one `didChange`: what lies between two offsets from the cursor is replaced."""
        for start, end, text in changes:
            places = (self._place(self._at + start), self._place(self._at + end))
            where = types.Range(*(types.Position(*place) for place in places))
            self.document.apply_change(types.TextDocumentContentChangePartial(where, text))
        await asyncio.sleep(0)

    async def type(self, text: str) -> None:
        for index, key in enumerate(text):
            await self.edit((index, index, key))

    def _place(self, offset: int) -> tuple[int, int]:
        return self.document.buffer.position(offset)

    async def until(self, value: str) -> None:
        async with asyncio.timeout(10):
            while value not in await self.counted():
                await asyncio.sleep(SOON_S)

    async def counted(self) -> dict[str, int]:
        await self._recorder.close()
        return {count.value: count.number for count in self._store.counts(1) if count.number}


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    yield made
    await made.counted()


Edits = Sequence[tuple[int, int, str]]

AT_ONCE: dict[str, tuple[str, str, Edits, str | None]] = {
    # the text, what is offered, the changes of one message, the outcome
    "all of it": ("a = |\n", "add(1, 2)", [(0, 0, "add(1, 2)")], "accepted"),
    "several rows": ("a:\n    |\nb\n", "x\n    y", [(0, 0, "x\n    y")], "accepted"),
    "with other line ends": ("a:\r\n    |\r\nb\r\n", "x\n    y", [(0, 0, "x\r\n    y")], "accepted"),
    "a word": ("a = |\n", "add one", [(0, 0, "add")], "partly"),
    "in the middle of a row": ("f(|)\n", "a, b", [(0, 0, "a, b")], "accepted"),
    "what stands behind it, too": ("f(|)\n", ")(a", [(1, 1, "(a)")], "accepted"),
    "a row above changed, too": (
        "\na = |\n",
        "add(1)",
        [(0, 0, "add(1)"), (-5, -5, "import b\n")],
        "accepted",
    ),
    "something else": ("a = |\n", "add(1, 2)", [(0, 0, "1")], "rejected"),
    "a line end": ("a = |\n", "add(1, 2)", [(0, 0, "\n")], "rejected"),
    "elsewhere": ("a = |\nb\n", "add(1, 2)", [(1, 1, "x")], None),
    "what it goes on from was deleted": ("a = |\n", "add(1, 2)", [(-1, 0, "")], None),
    "a key of it": ("a = |\n", "add(1, 2)", [(0, 0, "a")], None),
    "a bracket that the editor closes": ("a = |\n", "(1, 2)", [(0, 0, "()")], None),
}


@pytest.mark.parametrize("case", AT_ONCE)
async def test_a_change_says_what_became_of_an_offer(scene: Scene, case: str) -> None:
    text, offered, edits, outcome = AT_ONCE[case]
    scene.open(text)
    (offer_id,) = scene.offer(offered)
    scene.offers.show(offer_id)
    await scene.edit(*edits)
    assert await scene.counted() == {"shown": 1} | ({outcome: 1} if outcome else {})


MENU: dict[str, Edits] = {
    "in one change": [(-2, 0, "return 1")],
    "deleted and put in": [(-2, 0, ""), (-2, -2, "return 1")],
    "only what is missing": [(0, 0, "turn 1")],
}


@pytest.mark.parametrize("way", MENU)
async def test_an_entry_of_a_menu_is_accepted_in_each_editors_way(scene: Scene, way: str) -> None:
    scene.open("re|\n")
    scene.offer("return 1", word=2)
    await scene.edit(*MENU[way])
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_an_entry_is_accepted_also_when_a_word_goes_before_it_comes(scene: Scene) -> None:
    scene.open("re|\n")
    scene.offer("return 1", word=2)
    await scene.edit((-2, 0, ""))
    await scene.edit((-2, -2, "return 1"))
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_who_types_all_of_it_has_typed_it(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offers.show(*scene.offer("add()"))
    await scene.type("add()")
    assert await scene.counted() == {"shown": 1, "typed": 1}


async def test_who_turns_away_after_a_few_keys_has_rejected_it(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offers.show(*scene.offer("add(1)"))
    await scene.type("adx")
    assert await scene.counted() == {"shown": 1, "rejected": 1}


async def test_word_by_word_to_the_end_is_accepted(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offer("add one")
    await scene.edit((0, 0, "add"))
    await scene.edit((3, 3, " one"))
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_a_part_stays_a_part_when_something_else_is_typed(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offer("add one")
    await scene.edit((0, 0, "add"))
    await scene.edit((3, 3, "x"))
    assert await scene.counted() == {"shown": 1, "partly": 1}


async def test_an_editor_that_tells_late_says_itself_what_was_accepted(scene: Scene) -> None:
    scene.offers.tells_late = True
    scene.open("a = |\n")
    scene.offers.show(*scene.offer("add one"))
    await scene.edit((0, 0, "add"))
    await scene.edit((3, 3, " one"))
    assert await scene.counted() == {"shown": 1, "typed": 1}
    scene.open("b = |\n")
    (offer_id,) = scene.offer("add two")
    await scene.edit((0, 0, "add two"))
    assert scene.offers.accept(offer_id)
    assert await scene.counted() == {"shown": 2, "typed": 1, "accepted": 1}


# -- what is the same offer -------------------------------------------------------------------------------


async def test_what_is_left_after_a_key_is_the_same_offer(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offers.show(*scene.offer("add(1)"))
    await scene.type("a")
    scene.offers.show(*scene.offer("dd(1)", at=5))
    await scene.edit((1, 1, "dd(1)"))
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_the_same_entry_with_more_of_its_word_is_the_same_offer(scene: Scene) -> None:
    scene.open("re|\n")
    scene.offers.show(*scene.offer("return 1", word=2))
    await scene.type("t")
    scene.offers.show(*scene.offer("return 1", at=3, word=3))
    await scene.edit((-2, 1, "return 1"))
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_choices_are_one_offer_whichever_is_taken(scene: Scene) -> None:
    scene.open("a = |\n")
    ids = scene.offer("one()", "two()", "three()")
    for offer_id in ids:
        scene.offers.show(offer_id)
    await scene.edit((0, 0, "two()"))
    assert scene.offers.accept(ids[1])
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_another_suggestion_takes_the_place_of_the_one_before(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offers.show(*scene.offer("one()"))
    scene.offers.show(*scene.offer("two()"))
    await scene.edit((0, 0, "one()"))
    assert await scene.counted() == {"shown": 2, "rejected": 1}


# -- what was seen ------------------------------------------------------------------------------------------


async def test_what_stands_for_a_while_was_shown(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offer("one()")
    await asyncio.sleep(2 * SOON_S)
    assert await scene.counted() == {"shown": 1}


async def test_what_was_replaced_at_once_was_never_seen(scene: Scene) -> None:
    scene.open("a = |\n")
    for text in ("one()", "two()", "three()"):
        scene.offer(text)
    await asyncio.sleep(2 * SOON_S)
    assert await scene.counted() == {"shown": 1}


async def test_what_was_typed_over_at_once_was_not_rejected(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offer("one()")
    await scene.edit((0, 0, "x"))
    await asyncio.sleep(2 * SOON_S)
    assert await scene.counted() == {}


# -- what clients tell --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "outcome"),
    [(1, "partly"), (3, "partly"), (4, "accepted"), (99, "accepted"), (0, None), (-1, None)],
)
async def test_a_part_is_told_in_units_of_utf_16(scene: Scene, units: int, outcome: str | None) -> None:
    scene.open("a = |\n")
    (offer_id,) = scene.offer("😀ab")
    scene.offers.accept_part(offer_id, units)
    assert await scene.counted() == ({"shown": 1, outcome: 1} if outcome else {})


async def test_telling_and_seeing_is_counted_once(scene: Scene) -> None:
    scene.open("a = |\n")
    (offer_id,) = scene.offer("add one")
    await scene.edit((0, 0, "add"))
    scene.offers.accept_part(offer_id, 3)
    await scene.edit((3, 3, " one"))
    scene.offers.accept_part(offer_id, 7)
    assert scene.offers.accept(offer_id)
    assert not scene.offers.accept(offer_id)
    assert scene.offers.accepted == 1
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_an_id_that_is_not_known_is_nothing(scene: Scene) -> None:
    scene.open("a = |\n")
    first = scene.offer("one()")[0]
    for number in range(OFFERS_MAX):
        scene.offer(f"f{number}()")
    for offer_id in (first, "", "bogus"):
        scene.offers.show(offer_id)
        scene.offers.accept_part(offer_id, 1)
        assert not scene.offers.accept(offer_id)
    assert await scene.counted() == {}


# -- what is left of it ------------------------------------------------------------

LATER: dict[str, tuple[Edits, int]] = {
    "nothing was done": ([], 1000),
    "rows above and below came": ([(-5, -5, "import b\n" * 7), (80, 80, "x = 1\n")], 1000),
    "half of it went": ([(0, 6, "")], 455),
    "all of it went": ([(0, 11, "")], 0),
    "more was typed behind it": ([(11, 11, " + 1")], 1000),
}


@pytest.mark.parametrize("what", LATER)
async def test_it_is_looked_at_later_how_much_was_kept(scene: Scene, what: str) -> None:
    edits, permille = LATER[what]
    scene.open("\na = |\n\n\n\n\n")
    scene.offer("first(last)")
    await scene.edit((0, 0, "first(last)"))
    for edit in edits:
        await scene.edit(edit)
    await scene.until("looked")
    kept = {"looked": 1} | ({"permille": permille} if permille else {})
    assert await scene.counted() == {"shown": 1, "accepted": 1} | kept


async def test_of_a_document_that_was_closed_nobody_knows(scene: Scene) -> None:
    scene.open("a = |\n")
    scene.offer("one()")
    await scene.edit((0, 0, "one()"))
    scene.open("other |\n")
    await asyncio.sleep(8 * SOON_S)
    assert await scene.counted() == {"shown": 1, "accepted": 1}


async def test_a_text_that_was_sent_whole_is_followed_too(scene: Scene) -> None:
    scene.open("a = 1\nb = |\nc = 3\n")
    scene.offer("add(1, 2)")
    whole = types.TextDocumentContentChangeWholeDocument("a = 1\nb = add(1, 2)\nc = 3\n")
    scene.document.apply_change(whole)
    await asyncio.sleep(0)
    assert await scene.counted() == {"shown": 1, "accepted": 1}
