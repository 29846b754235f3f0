"""A stand-in for a hosted model: a local GGUF file behind the Messages API, on loopback.

It serves the demo and the evaluation, where nothing may leave the machine. Its texts and its token counts are
those of a real model, a small one; it is no better than that.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from cope_lsp.egress.loopback import LoopbackServer, RefusedError, Request, Response
from cope_lsp.errors import CopeError, GenerationError
from cope_lsp.models.base import TextModel
from cope_lsp.values import Generation, Limits, Prompt, Sample, Sampling, Text, Usage

OUTPUT_TOKENS_MAX = 1_024
DEADLINE_S = 60.0
PIECE_CHARACTERS = 16
"""The engine gives whole samples, so a stream is cut from a finished text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request of the Messages API comes down to for a model that goes on with a text."""

    system: str
    text: str
    """The messages, one after the other."""
    tokens_max: int
    temperature: float
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a question is put to the model: a text to go on with, and what ends the answer."""

    text: str
    stop: tuple[str, ...] = ()
    opening: str = ""
    """What the answer begins with and the text ends with, such as the signature of a function."""


Reader = Callable[[Asked], Reading]


def as_it_stands(asked: Asked) -> Reading:
    """Read a question as a text to go on with."""
    return Reading("\n\n".join(filter(None, (asked.system, asked.text))))


class StandIn:
    """Serves one model; `read` knows how to put questions to it."""

    def __init__(
        self, model: TextModel, name: str, read: Reader = as_it_stands, deadline_s: float = DEADLINE_S
    ) -> None:
        self.name = name
        self.requests = 0
        """How many questions were answered."""
        self._model = model
        self._read = read
        self._deadline_s = deadline_s
        self._server = LoopbackServer(self._answer, _complaint)

    async def start(self, port: int = 0) -> str:
        """Load the model, listen, and return the URL.

        Raises:
            CopeError: the model cannot be loaded.
            OSError: the port is taken, or offline is on.
        """
        await self._model.info()
        return await self._server.start(port)

    async def close(self) -> None:
        """Stop; the model stays, it belongs to whoever made it."""
        await self._server.close()

    async def _answer(self, request: Request) -> Response:
        if (request.method, request.path) != ("POST", "/v1/messages"):
            return _complaint(HTTPStatus.NOT_FOUND, f"there is no {request.method} {request.path} here")
        try:
            body = _body(request.body)
            sample, usage = await self._draw(_asked(body))
        except RefusedError as refusal:
            return _complaint(refusal.status, str(refusal))
        except GenerationError as error:
            return _complaint(HTTPStatus.BAD_REQUEST, str(error))
        except CopeError as error:
            return _complaint(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        self.requests += 1
        message = _message(f"msg_{self.requests:08}", self.name, sample, usage)
        if body.get("stream"):
            return Response(HTTPStatus.OK, "text/event-stream", _stream(_events(message)))
        return Response(HTTPStatus.OK, "application/json", json.dumps(message).encode())

    async def _draw(self, asked: Asked) -> tuple[Sample, Usage]:
        reading = self._read(asked)
        prompt: Prompt = (Text(reading.text, 1 << 20, "tail"),)
        limits = Limits(asked.tokens_max, self._deadline_s, stop=(*reading.stop, *asked.stop))
        wanted = Generation(prompt, limits, Sampling(asked.temperature))
        found: dict[type, Any] = {}
        async with aclosing(self._model.generate(wanted)) as answers:
            async for answer in answers:
                found[type(answer)] = answer
        if Sample not in found or found[Sample].finish == "deadline":
            raise RefusedError(HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {self._deadline_s:.0f} s")
        sample: Sample = found[Sample]
        return replace(sample, text=reading.opening + sample.text), found[Usage]


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body should be an object")
    return body


def _asked(body: dict[str, Any]) -> Asked:
    """Parse a request.

    Raises:
        RefusedError: a field is missing, or is not what the Messages API says.
    """
    _expect(isinstance(body.get("model"), str), "model: a text is required")
    tokens: Any = body.get("max_tokens")
    _expect(type(tokens) is int and tokens > 0, "max_tokens: a whole number above 0 is required")
    messages: Any = body.get("messages")
    _expect(isinstance(messages, list) and bool(messages), "messages: at least one is required")
    _expect(not body.get("tools"), "tools: this stand-in has no use for them")
    temperature = body.get("temperature", 0.0)
    _expect(type(temperature) in {int, float} and 0 <= temperature <= 1, "temperature: between 0 and 1")
    stops = body.get("stop_sequences") or []
    _expect(isinstance(stops, list) and all(isinstance(stop, str) for stop in stops), "stop_sequences: texts")
    return Asked(
        system=_text_of(body.get("system") or "", "system"),
        text="\n\n".join(_message_text(message, at) for at, message in enumerate(messages)),
        tokens_max=min(tokens, OUTPUT_TOKENS_MAX),
        temperature=float(temperature),
        stop=tuple(stops),
    )


def _message_text(message: Any, at: int) -> str:
    roles = ("user", "assistant")
    _expect(
        isinstance(message, dict) and message.get("role") in roles, f"messages.{at}.role: user or assistant"
    )
    return _text_of(message.get("content"), f"messages.{at}.content")


def _text_of(content: Any, field: str) -> str:
    if isinstance(content, str):
        return content
    _expect(isinstance(content, list), f"{field}: a text, or a list of blocks of text")
    for block in content:
        is_text = (
            isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
        )
        _expect(is_text, f"{field}: this stand-in reads blocks of text only")
    return "".join(block["text"] for block in content)


def _expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - a statement, as in assert
    if not fact:
        raise RefusedError(HTTPStatus.BAD_REQUEST, otherwise)


def _message(number: str, name: str, sample: Sample, usage: Usage) -> dict[str, Any]:
    return {
        "id": number,
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": [{"type": "text", "text": sample.text}],
        "stop_reason": "max_tokens" if sample.finish == "length" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": usage.prompt_tokens, "output_tokens": usage.output_tokens},
    }


def _events(message: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the events of a stream that carries a message."""
    text, usage = message["content"][0]["text"], message["usage"]
    begun = {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield {"type": "message_start", "message": message | begun}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for at in range(0, len(text), PIECE_CHARACTERS):
        yield {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text[at : at + PIECE_CHARACTERS]},
        }
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


async def _stream(events: Iterable[dict[str, Any]]) -> AsyncIterator[bytes]:
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


_ERROR_TYPES = {
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded_error",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout_error",
}


def _complaint(status: int, message: str) -> Response:
    """Return an error as the Messages API words it."""
    kind = _ERROR_TYPES.get(HTTPStatus(status), "api_error" if status >= 500 else "invalid_request_error")
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return Response(status, "application/json", json.dumps(body).encode())
