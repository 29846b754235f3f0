"""The frames between a server and its engine: four bytes of length, then one JSON message.

The stream may be a pipe or a local socket. The first frame is the client's `Open`; the engine answers
`Ready` or `Refused`. A client whose `Open` is refused for its version or its settings starts an engine
of its own.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from cope_lsp.errors import FrameError
from cope_lsp.values import Generation, ModelInfo, Sample, Segment, Usage

WIRE_VERSION = 2
FRAME_BYTES_MAX = 16 * 1024 * 1024

_HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine loads and runs a model. Zero threads: chosen for the machine."""

    context_tokens: int = 4096
    batch_tokens: int = 64
    sequences: int = 9
    threads: int = 0
    gpu_layers: int = 0
    cache_type: Literal["f16", "f32"] = "f16"
    speculation: Literal["never", "auto", "always"] = "auto"
    """Whether tokens are guessed from what the text repeats, which changes no text; "auto": where it pays."""


@dataclass(frozen=True, slots=True)
class Open:
    """Client to engine, first: load this model with these settings, or say that you have another."""

    version: int
    model_path: str
    settings: EngineSettings


@dataclass(frozen=True, slots=True)
class Generate:
    """Client to engine: draw samples. `id` is unique on this stream."""

    id: int
    generation: Generation


@dataclass(frozen=True, slots=True)
class Cancel:
    """Client to engine: stop at the next batch. The engine still answers with `Finished`."""

    id: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Engine to client: the model is loaded."""

    version: int
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """Engine to client: `Open` cannot be served; `reason` is written for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Engine to client: one sample is complete."""

    id: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class Finished:
    """Engine to client: nothing more comes for this id. `error` is empty when all went well."""

    id: int
    usage: Usage
    error: str = ""


Message = Open | Generate | Cancel | Ready | Refused | Drawn | Finished

_converter = make_converter(detailed_validation=False)
configure_tagged_union(Segment, _converter, tag_name="kind")
configure_tagged_union(Message, _converter, tag_name="type")


def encode(message: Message) -> bytes:
    """Return the frame of `message`."""
    payload = json.dumps(_converter.unstructure(message, Message)).encode()
    if len(payload) > FRAME_BYTES_MAX:
        raise FrameError(f"a message of {len(payload)} bytes is above the limit of {FRAME_BYTES_MAX}")
    return _HEADER.pack(len(payload)) + payload


def decode(payload: bytes) -> Message:
    """Return the message in the payload of a frame.

    Raises:
        FrameError: the payload is no message of this version.
    """
    try:
        message: Message = _converter.structure(json.loads(payload), Message)  # type: ignore[arg-type]
    except Exception as error:
        raise FrameError(f"not a message of wire version {WIRE_VERSION}: {error!r}") from error
    return message


def frame_length(header: bytes) -> int:
    """Return the length of the payload that follows `header` (4 bytes, big-endian).

    Raises:
        FrameError: the length is above the limit, as when text is read as a header.
    """
    length: int = _HEADER.unpack(header)[0]
    if length > FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes is above the limit of {FRAME_BYTES_MAX}")
    return length


HEADER_BYTES = _HEADER.size


def read_messages(stream: BinaryIO, receive: Callable[[Message], Any]) -> None:
    """Hand every message of a blocking `stream` to `receive` until the stream ends."""
    while len(header := stream.read(HEADER_BYTES)) == HEADER_BYTES:
        length = frame_length(header)
        payload = stream.read(length)
        if len(payload) < length:
            return
        receive(decode(payload))
