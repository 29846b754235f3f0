"""Ghost text: what is offered, where, and what becomes of it when the user types on."""

import itertools
from collections.abc import Callable

import pytest

from tests.server.conftest import StartServer
from tests.server.places import PLACES, Offer, empty_range, end_of, find_offer, find_offers
from tests.server.wire_client import (
    INLINE,
    Json,
    WireClient,
    change_message,
    inline_params,
    insertion,
    message,
    open_message,
    paused,
    wait_until,
)

REQUEST_CANCELLED = -32800
NOTHING: Json = {"items": []}


# -- the item -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("kind", [1, 2], ids=["invoked", "automatic"])
def test_an_item_is_plain_text_for_the_place_of_the_cursor(
    shared_client: WireClient, kind: int, line_end: str
) -> None:
    texts = [text.replace("\n", line_end) for text in PLACES]
    for offer in find_offers(shared_client, texts, triggerKind=kind):
        assert set(offer.item) == {"insertText", "range", "command"}
        assert offer.item["range"] == empty_range(offer.line, offer.character)
        assert offer.text == offer.text.rstrip()
        assert offer.text
        assert "\r" not in offer.text


def test_in_the_middle_of_a_line_only_that_line_is_completed(shared_client: WireClient) -> None:
    offers = []
    for before, after in (
        ("print(", ")"),
        ("x = [", "]  # all"),
        ("def f(", "):\n    return 1"),
        ("a = b", " + c"),
    ):
        uri = shared_client.open(f"{before}{after}\n")
        offers += shared_client.inline(uri, *end_of(before))["items"]
    assert all("\n" not in item["insertText"] for item in offers)


def test_inside_a_word_nothing_is_offered_unless_asked(shared_client: WireClient) -> None:
    uri = shared_client.open("import os\nenvironment = os.environ\n")
    assert shared_client.inline(uri, 1, 3, triggerKind=2) == NOTHING
    status = shared_client.status()
    assert (status["kind"], status["lastSilence"]) == ("Normal", "inside-word")


def test_the_same_question_has_the_same_answer(shared_client: WireClient) -> None:
    offer = find_offer(shared_client)
    again = shared_client.inline(offer.uri, offer.line, offer.character)["items"][0]
    assert again["insertText"] == offer.text
    assert again["command"] != offer.item["command"], "every offer has an id of its own"


def test_whoever_types_what_was_offered_keeps_the_rest_of_it(shared_client: WireClient) -> None:
    offers = [offer for offer in find_offers(shared_client) if len(offer.text.split("\n")[0]) > 4]
    for offer in offers:
        typed = offer.text[:2]
        shared_client.change(offer.uri, insertion(offer.line, offer.character, typed))
        item, *_ = shared_client.inline(offer.uri, offer.line, offer.character + 2)["items"]
        assert typed + item["insertText"] == offer.text
        assert item["range"] == empty_range(offer.line, offer.character + 2)


def test_who_asks_by_a_key_may_choose_between_a_few(shared_client: WireClient) -> None:
    chosen_from = []
    for text in PLACES:
        uri, place = shared_client.open(text), end_of(text)
        items = shared_client.inline(uri, *place, triggerKind=1)["items"]
        chosen_from.append(len(items))
        assert len({item["insertText"] for item in items}) == len(items) <= 3
        for item in items:
            assert item["range"] == empty_range(*place)
            assert item["insertText"] == item["insertText"].rstrip() != ""
            assert shared_client.ask("workspace/executeCommand", item["command"]) is True
    assert max(chosen_from) > 1


def test_who_did_not_ask_is_offered_one(shared_client: WireClient) -> None:
    for text in PLACES:
        uri, place = shared_client.open(text), end_of(text)
        assert len(shared_client.inline(uri, *place, triggerKind=2)["items"]) <= 1


# -- acceptance ---------------------------------------------------------------------------------------


def test_an_offer_is_accepted_once(shared_client: WireClient) -> None:
    command, before = find_offer(shared_client).item["command"], shared_client.status()["accepted"]
    assert shared_client.ask("workspace/executeCommand", command) is True
    assert shared_client.ask("workspace/executeCommand", command) is False
    assert shared_client.status()["accepted"] == before + 1


def test_an_old_offer_is_forgotten(shared_client: WireClient) -> None:
    first = find_offer(shared_client)
    for _ in range(200):
        last = shared_client.inline(first.uri, first.line, first.character)["items"][0]
    assert shared_client.command("cope.server.accept", {"id": first.id}) is False
    assert shared_client.ask("workspace/executeCommand", last["command"]) is True


# -- what is selected in the completion menu -------------------------------------------------------------

MENU = (
    ("import os\n\nfor name in os.", "li", "listdir"),
    ("import os\n\n\ndef main():\n    print(os.", "pa", "path.join"),
    ("import argparse\n\nparser = argparse.", "Arg", "ArgumentParser"),
    ("class A:\n    def __init__(self, name):\n        ", "se", "self.name"),
)
"""Text before a word, its beginning as typed, and the entry that is selected for it."""


def menu_entry(before: str, typed: str, entry: str) -> Json:
    (line, start), (_, end) = end_of(before), end_of(before + typed)
    where = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"range": where, "text": entry}


def test_an_item_goes_on_from_the_entry_that_is_selected(shared_client: WireClient) -> None:
    offers = []
    for before, typed, entry in MENU:
        uri, (line, end) = shared_client.open(before + typed), end_of(before + typed)
        selected = menu_entry(before, typed, entry)
        for item in shared_client.inline(uri, line, end, selectedCompletionInfo=selected)["items"]:
            assert item["insertText"].startswith(entry)
            assert len(item["insertText"]) > len(entry)
            assert item["range"] == selected["range"]
            offers.append(item)
    assert offers, "the model is silent everywhere"


def test_an_entry_selected_before_an_edit_is_not_offered_after_it(shared_client: WireClient) -> None:
    """Its range means another place now: applied there, it would destroy text."""
    find_offer(shared_client)
    for before, typed, entry in MENU:
        uri, (line, end) = shared_client.open(before + typed), end_of(before + typed)
        selected = menu_entry(before, typed, entry)
        with paused(shared_client.worker()):
            asked = shared_client.request(
                INLINE, inline_params(uri, line, end, selectedCompletionInfo=selected)
            )
            shared_client.change(uri, insertion(line, 0, "keep"))
            shared_client.status()
        assert shared_client.result(asked) in (None, NOTHING)


# -- the newest question ------------------------------------------------------------------------------


def test_a_newer_question_about_a_document_answers_the_older_with_null(shared_client: WireClient) -> None:
    """`null` leaves on the screen what is there; the newer answer decides."""
    offer = find_offer(shared_client)
    uri, other = shared_client.open(offer.before), shared_client.open(offer.before)
    with paused(shared_client.worker()):
        older = [
            shared_client.request(INLINE, inline_params(uri, offer.line, offer.character)) for _ in range(5)
        ]
        elsewhere = shared_client.request(INLINE, inline_params(other, offer.line, offer.character))
        newest = shared_client.request(INLINE, inline_params(uri, offer.line, offer.character))
        assert [shared_client.result(request) for request in older] == [None] * 5, (
            "at once, not when it is over"
        )
    assert shared_client.result(newest)["items"]
    assert shared_client.result(elsewhere)["items"], "a question about another document is another matter"


def test_a_cancelled_question_is_answered_at_once_and_the_next_one_well(shared_client: WireClient) -> None:
    offer = find_offer(shared_client)
    uri = shared_client.open(offer.before)
    with paused(shared_client.worker()):
        cancelled = shared_client.request(INLINE, inline_params(uri, offer.line, offer.character))
        shared_client.notify("$/cancelRequest", {"id": cancelled})
        assert shared_client.response(cancelled, 2)["error"]["code"] == REQUEST_CANCELLED
    assert shared_client.inline(uri, offer.line, offer.character)["items"]


def test_a_question_may_be_cancelled_while_the_model_is_loaded(start_server: StartServer) -> None:
    client = start_server()
    client.initialize()
    uri, request_id = client.next_uri(), client.next_id()
    client.send(
        open_message(uri, PLACES[0]),
        {"id": request_id} | message(INLINE, inline_params(uri, *end_of(PLACES[0]))),
        message("$/cancelRequest", {"id": request_id}),
    )
    assert client.response(request_id)["error"]["code"] == REQUEST_CANCELLED
    find_offer(client)


# -- typing while the model computes ------------------------------------------------------------------


def answer_after(client: WireClient, offer: Offer, *changes: Json) -> Json | None:
    """Ask again at the place of `offer`, in a new document, and change that before the model can answer."""
    uri = client.open(offer.before)
    with paused(client.worker()):
        asked = client.request(INLINE, inline_params(uri, offer.line, offer.character))
        client.send(*(change_message(uri, change, version=n) for n, change in enumerate(changes, start=2)))
        client.status()  # the changes have been seen when this is answered
    answer: Json | None = client.result(asked)
    return answer


def test_what_is_typed_meanwhile_is_taken_off_the_answer(shared_client: WireClient) -> None:
    offers = [offer for offer in find_offers(shared_client) if len(offer.text.split("\n")[0]) > 4]
    rebased = []
    for offer in offers:
        one, two = insertion(offer.line, offer.character, offer.text[0]), offer.text[1:3]
        answer = answer_after(shared_client, offer, one, insertion(offer.line, offer.character + 1, two))
        for item in answer["items"] if answer else []:
            assert item["range"] == empty_range(offer.line, offer.character + 3)
            rebased.append(offer.text[:3] + item["insertText"] == offer.text)
    assert any(rebased), "at one place at least the model says the same again"


def test_of_several_only_those_that_begin_with_what_was_typed_are_offered(shared_client: WireClient) -> None:
    kept = []
    for text in PLACES:
        uri, (line, character) = shared_client.open(text), end_of(text)
        texts = [item["insertText"] for item in shared_client.inline(uri, line, character)["items"]]
        typed, fresh = texts[-1][0] if texts else "x", shared_client.open(text)
        with paused(shared_client.worker()):
            asked = shared_client.request(INLINE, inline_params(fresh, line, character))
            shared_client.change(fresh, insertion(line, character, typed))
            shared_client.status()
        items = (shared_client.result(asked) or NOTHING)["items"]
        assert all(item["range"] == empty_range(line, character + 1) for item in items)
        assert len(items) <= 3
        kept += [typed + item["insertText"] in texts for item in items]
    assert any(kept), "at one place at least the model says the same again"


MEANWHILE: dict[str, Callable[[Offer], Json]] = {
    "all-of-it-was-typed": lambda offer: insertion(offer.line, offer.character, offer.text),
    "something-else-was-typed": lambda offer: insertion(offer.line, offer.character, "§§"),
    "a-line-was-started": lambda offer: insertion(offer.line, offer.character, "\n§"),
    "a-line-above-was-typed": lambda _: insertion(0, 0, "# above\n"),
    "everything-was-replaced": lambda _: {"text": "nothing = 0\n"},
    "everything-was-deleted": lambda _: {"text": ""},
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_an_answer_for_a_text_that_is_gone_is_not_shown(shared_client: WireClient, what: str) -> None:
    offer = find_offer(shared_client)
    assert answer_after(shared_client, offer, MEANWHILE[what](offer)) in (None, NOTHING)


def test_an_edit_taken_back_leaves_the_answer_where_it_was(shared_client: WireClient) -> None:
    offer = find_offer(shared_client)
    there = {"line": offer.line, "character": offer.character}
    typed = insertion(offer.line, offer.character, "x")
    removed = {"range": {"start": there, "end": there | {"character": offer.character + 1}}, "text": ""}
    answer = answer_after(shared_client, offer, typed, removed)
    assert answer
    assert answer["items"]
    assert all(item["range"] == empty_range(offer.line, offer.character) for item in answer["items"])


def test_an_answer_for_a_document_closed_meanwhile_is_not_shown(shared_client: WireClient) -> None:
    offer = find_offer(shared_client)
    uri = shared_client.open(offer.before)
    with paused(shared_client.worker()):
        asked = shared_client.request(INLINE, inline_params(uri, offer.line, offer.character))
        shared_client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        shared_client.status()
    assert shared_client.result(asked) in (None, NOTHING)


# -- why there is nothing -----------------------------------------------------------------------------


def test_a_language_that_the_model_does_not_know_is_left_alone(shared_client: WireClient) -> None:
    uri = shared_client.open("const numbers = [1, 2, 3];\nfor (const number of ", "typescript")
    assert shared_client.inline(uri, 1, 21) == NOTHING
    status = shared_client.status()
    assert (status["kind"], status["lastSilence"]) == ("Inactive", "language")
    assert "typescript" in status["message"]
    find_offer(shared_client)
    assert shared_client.status()["kind"] == "Normal"


def test_a_very_large_document_is_left_alone(shared_client: WireClient) -> None:
    uri = shared_client.open("x = 1\n" * 400_000)
    assert shared_client.inline(uri, 400_000, 0) == NOTHING
    status = shared_client.status()
    assert (status["kind"], status["lastSilence"]) == ("Warning", "large-document")


def test_a_lone_surrogate_does_no_harm(shared_client: WireClient) -> None:
    """An editor may cut an emoji in two; JSON carries the halves."""
    assert find_offers(shared_client, ["x = '\ud83d'\n" + text for text in PLACES])


def test_completion_can_be_switched_off(start_server: StartServer) -> None:
    client = start_server(COPE_LSP_COMPLETION_ENABLED="false")
    client.initialize()
    uri = client.open(PLACES[0])
    assert client.inline(uri, *end_of(PLACES[0])) == NOTHING
    status = client.status()
    assert (status["kind"], status["lastSilence"]) == ("Inactive", "disabled")
    assert client.workers() == [], "no model is loaded for nothing"


def test_an_editor_may_switch_completion_off_but_choose_no_file(start_server: StartServer) -> None:
    client = start_server()
    settings = {"completion": {"enabled": False}, "model.path": "/dev/zero", "log": {"file": "made.log"}}
    client.initialize(initializationOptions={"cope": {"settings": settings}})
    assert client.inline(client.open(PLACES[0]), *end_of(PLACES[0])) == NOTHING
    assert client.status()["lastSilence"] == "disabled"


def test_the_status_is_sent_to_those_who_want_it(start_server: StartServer) -> None:
    client = start_server()
    client.initialize(initializationOptions={"cope": {"status": True}})

    def kinds() -> list[str]:
        sent = [each["params"]["kind"] for each in list(client.notifications)]
        return [kind for kind, _ in itertools.groupby(sent)]

    for language in ("cobol", "cobol", "python"):
        client.inline(client.open("x = ", language), 0, 4)
    wait_until(lambda: kinds() == ["Normal", "Inactive", "Normal"], "it changed twice")
    assert {sent["method"] for sent in client.notifications} == {"$/cope/status"}
    first, last = (client.notifications[n]["params"]["model"] for n in (0, -1))
    assert (first, last) == ("asleep", "ready")


def test_nothing_is_sent_to_those_who_did_not_ask(shared_client: WireClient) -> None:
    shared_client.inline(shared_client.open("x = ", "cobol"), 0, 4)
    find_offer(shared_client)
    assert shared_client.notifications == []
