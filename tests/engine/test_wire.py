"""Frames survive the way there and back, and nothing else passes for one."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.engine.wire import (
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    Cancel,
    Drawn,
    EngineSettings,
    EngineStatus,
    Finished,
    Generate,
    Inquire,
    Leaving,
    Message,
    Open,
    Ready,
    Refused,
    Unload,
    decode,
    encode,
    frame_length,
    read_message,
)
from cope_lsp.errors import FrameError
from cope_lsp.values import FimMark, Generation, Limits, ModelInfo, Sample, Sampling, Text, Usage

numbers = st.integers(0, 2**31)
seconds = st.floats(0, 1e6)
words = st.text(st.characters(), max_size=50)
segments = st.one_of(
    st.builds(Text, words, numbers, st.sampled_from(["head", "tail"])),
    st.builds(FimMark, st.sampled_from(["prefix", "suffix", "middle"])),
)
limits = st.builds(Limits, numbers, seconds, st.none() | numbers, st.lists(words, max_size=3).map(tuple))
sampling = st.builds(Sampling, seconds, numbers, st.floats(0, 1), st.floats(0, 1), numbers)
generations = st.builds(
    Generation,
    st.lists(segments, max_size=4).map(tuple),
    limits,
    sampling,
    numbers,
    st.sampled_from(["interactive", "batch"]),
)
infos = st.builds(
    ModelInfo,
    name=words,
    description=words,
    parameters=numbers,
    bytes=numbers,
    context_tokens=numbers,
    fim=st.booleans(),
    languages=st.none() | st.lists(words, max_size=3).map(tuple),
    suffix_tokens_max=st.none() | numbers,
    gpu=st.booleans(),
)
finishes = st.sampled_from(["eog", "stop", "lines", "length", "deadline", "cancelled"])
logprobs = st.none() | st.lists(st.floats(-1e6, 0), max_size=3).map(tuple)
samples = st.builds(Sample, numbers, words, numbers, finishes, logprobs)
messages = st.one_of(
    st.builds(Open, numbers, words, st.builds(EngineSettings, numbers, numbers)),
    st.builds(Generate, numbers, generations),
    st.builds(Cancel, numbers),
    st.builds(Ready, numbers, infos),
    st.builds(Refused, words),
    st.builds(Drawn, numbers, samples),
    st.builds(Leaving, words),
    st.just(Inquire()),
    st.just(Unload()),
    st.builds(EngineStatus, numbers, words, numbers, numbers, numbers, seconds),
    st.builds(Finished, numbers, st.builds(Usage, numbers, numbers, numbers, seconds, seconds), words),
)


@given(messages)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    frame = encode(message)
    assert frame_length(frame[:HEADER_BYTES]) == len(frame) - HEADER_BYTES
    assert decode(frame[HEADER_BYTES:]) == message


@given(st.lists(messages, max_size=5))
def test_a_stream_of_frames_is_read_to_its_end(sent: list[Message]) -> None:
    stream = io.BytesIO(b"".join(map(encode, sent)))
    assert [read_message(stream) for _ in [*sent, None]] == [*sent, None]


@given(st.binary(max_size=200))
def test_foreign_bytes_are_an_error_and_never_a_crash(payload: bytes) -> None:
    try:
        decode(payload)
    except FrameError:
        return
    pytest.fail(f"{payload!r} passed for a message")


def test_text_read_as_a_header_is_refused() -> None:
    with pytest.raises(FrameError, match="above the limit"):
        frame_length(b"HTTP")


def test_a_message_above_the_limit_is_not_sent() -> None:
    with pytest.raises(FrameError, match="above the limit"):
        encode(Refused("x" * FRAME_BYTES_MAX))


def test_a_frame_that_is_cut_off_is_not_delivered() -> None:
    stream = io.BytesIO(encode(Cancel(1)) + encode(Cancel(2))[:-1])
    assert [read_message(stream), read_message(stream)] == [Cancel(1), None]
