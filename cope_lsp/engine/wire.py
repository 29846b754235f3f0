"""The frames between a server and its engine: four bytes of length, then one JSON message.

The stream may be a pipe or a local socket, to which several clients may be connected. The first frame of a
client is `Open`; the engine answers `Ready`, `Refused`, or `Leaving` when it was about to end. Who only wants
to know what an engine does sends `Inquire` or `Unload` instead, and is no client.
"""

import json
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from cope_lsp.errors import FrameError
from cope_lsp.values import Generation, ModelInfo, Sample, Segment, Usage

WIRE_VERSION = 4
FRAME_BYTES_MAX = 16 * 1024 * 1024

_HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine loads and runs a model. Zero threads: chosen for the machine."""

    context_tokens: int = 4096
    batch_tokens: int = 128
    sequences: int = 9
    threads: int = 0
    gpu_layers: int = 0
    cache_type: Literal["f16", "f32"] = "f16"
    speculation: Literal["never", "auto", "always"] = "auto"
    """Whether tokens are guessed from what the text repeats, which changes no text; "auto": where it pays."""
    draft_path: str = ""
    """A small model with the same vocabulary that guesses tokens, too; "": none."""
    parked_bytes_max: int = 256 * 1024 * 1024
    """What is remembered outside of the context, altogether. A thousand tokens of a network of 0.4 billion
    parameters take 12 MB."""
    idle_s: float = 0.0
    """The engine ends when it was not asked for anything so long; 0: it never does."""
    memory_bytes_max: int = 0
    """What all engines of a user may hold together, before those not used for longest end; 0: no limit."""


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


@dataclass(frozen=True, slots=True)
class Leaving:
    """Engine to client: it ends on purpose. Who wants more starts another."""

    reason: str


@dataclass(frozen=True, slots=True)
class Inquire:
    """Anybody to engine: what do you do? Answered with `EngineStatus`."""


@dataclass(frozen=True, slots=True)
class Unload:
    """Anybody to engine: end, unless you are at work. Answered with `Leaving` or `EngineStatus`."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Engine to whom inquired."""

    pid: int
    model_path: str
    clients: int
    generations: int
    """Those that are not finished."""
    memory_bytes: int
    """What the process holds in memory, the parts of the model file that are mapped among it."""
    idle_s: float
    """Since it was last asked for a generation."""


Message = (
    Open | Generate | Cancel | Ready | Refused | Drawn | Finished | Leaving | Inquire | Unload | EngineStatus
)

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


def read_message(stream: BinaryIO) -> Message | None:
    """Return the next message of a blocking `stream`; None when it has ended.

    Raises:
        FrameError: what comes is no message of this version.
    """
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    length = frame_length(header)
    payload = stream.read(length)
    return decode(payload) if len(payload) == length else None
