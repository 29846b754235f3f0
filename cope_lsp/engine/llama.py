"""llama.cpp through its C API: a model, a context of many sequences.

With `sampler` the only file that imports `llama_cpp`. Thin on purpose: what to decode when is the matter of
the scheduler. llama-cpp-python's own `Llama` object holds one sequence and cannot do what that needs.
"""

import ctypes
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast, get_args

import llama_cpp as api
import numpy as np
import numpy.typing as npt

from cope_lsp.engine import chat_formats, fim_formats
from cope_lsp.engine.fim_formats import FimFormat
from cope_lsp.engine.threads import thread_count
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, ModelFileError
from cope_lsp.values import FimOrder, FimRole, ModelInfo

_LOG_LEVEL_WARN = 2
_CHAT_TEMPLATE_BYTES_MAX = 262_144
_ABORTED = 2
"""What llama_decode returns when its abort callback said so."""
_GUARD = "☺"

Logits = npt.NDArray[np.float32]
"""One for each token of the vocabulary."""

_recent_log: deque[str] = deque(maxlen=20)


class NoSpaceError(CopeError):
    """The context has no room for the batch: forget a sequence and try again."""


class DecodeError(CopeError):
    """llama.cpp could not evaluate a batch; the context may hold part of it."""


@api.llama_log_callback  # type: ignore[untyped-decorator]  # llama_cpp is not typed for us
def _remember_log(level: int, text: bytes, _user_data: int) -> None:
    # llama.cpp's own default prints, and its Python wrapper dies on bytes that are not UTF-8.
    if level >= _LOG_LEVEL_WARN:
        _recent_log.append(text.decode("utf-8", "replace").strip())


def start_backend() -> None:
    """Prepare llama.cpp once per process, with its log kept in memory instead of printed."""
    api.llama_log_set(_remember_log, ctypes.c_void_p(0))
    api.llama_backend_init()


class LlamaModel:
    """A loaded model and its vocabulary."""

    def __init__(self, path: Path, gpu_layers: int) -> None:
        """Load the GGUF file at `path`.

        Raises:
            ModelFileError: with the reason, when llama.cpp refuses it.
        """
        params = api.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        _recent_log.clear()
        self.pointer = api.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            raise ModelFileError(f"llama.cpp cannot load {path}: {_last_error()}")
        self._vocab = api.llama_model_get_vocab(self.pointer)
        self._implies_space = api.llama_vocab_type(self._vocab) == api.LLAMA_VOCAB_TYPE_SPM
        self.vocab_size: int = api.llama_vocab_n_tokens(self._vocab)
        self.forgets_ends = not (
            api.llama_model_is_recurrent(self.pointer) or api.llama_model_is_hybrid(self.pointer)
        )
        """Whether the end of a sequence can be forgotten: a state that is carried along cannot go back."""
        self._pieces: dict[int, bytes] = {}
        family = fim_formats.recognise(self.special_token)
        self._fim = self._fim_tokens(family)
        self._fim_order = self._order(family)
        self._ends = self._end_tokens(family)
        chat = chat_formats.recognise(self._chat_template(), self.special_token)
        self._marks = self._ends | self._tokens_of(chat.tokens if chat else ())
        self._inside_marks = _inside([self._name(token) for token in sorted(self._marks)])
        self.info = self._read_info(path, chat.name if chat else None)

    def tokenize(self, text: str, *, joined: bool = False) -> list[int]:
        """Return the tokens of plain `text`; the names of special tokens in it are just text.

        A text that is `joined` gets no space before it. Vocabularies of SentencePiece imply one; CodeLlama's
        and Mistral's own code for infilling keeps it away as this does: with a character that nothing merges
        with.
        """
        tokens = self._tokenize_on(text) if joined else self._tokenize(text)
        if self._marks.isdisjoint(tokens):
            return tokens
        # llama.cpp looks for tokens of the type "user defined" in any text. One that ends or marks something
        # must not come from a document: its name is taken apart after the first character.
        first, *rest = self._inside_marks.split(text)
        head = self._tokenize_on(first) if joined else self._tokenize(first)
        return head + [token for piece in rest for token in self._tokenize_on(piece)]

    def special_token(self, name: str) -> int | None:
        """Return the special token that is called `name`; None when it is no one token of the vocabulary."""
        tokens = self._tokenize(name, special=True) if name else []
        if len(tokens) != 1 or api.llama_vocab_get_text(self._vocab, tokens[0]) != name.encode():
            return None
        return tokens[0]

    def opening_tokens(self) -> list[int]:
        """Return what the model wants before every prompt: its BOS token, or nothing."""
        token: int = api.llama_vocab_bos(self._vocab)
        return [token] if token >= 0 and api.llama_vocab_get_add_bos(self._vocab) else []

    def closing_token(self) -> int:
        """Return a token that ends a document, for a prompt that would otherwise be empty."""
        token: int = api.llama_vocab_eos(self._vocab)
        return max(token, 0)

    def fim_token(self, role: FimRole) -> int | None:
        """Return the fill-in-the-middle token of `role`; None when the model has none."""
        return self._fim.get(role)

    def piece(self, token: int) -> bytes:
        """Return the bytes of `token`; control tokens have none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def texts(self) -> Iterator[bytes]:
        """Yield every token as the file writes it, in the order of their ids."""
        return (api.llama_vocab_get_text(self._vocab, token) for token in range(self.vocab_size))

    def is_end(self, token: int) -> bool:
        """Return whether `token` ends a generation: an end, or a mark that belongs into prompts."""
        return token in self._ends or bool(api.llama_vocab_is_eog(self._vocab, token))

    def close(self) -> None:
        """Free the model."""
        api.llama_model_free(self.pointer)

    def _tokenize_on(self, text: str) -> list[int]:
        if not self._implies_space:
            return self._tokenize(text)
        return self._tokenize(_GUARD + text)[len(self._tokenize(_GUARD)) :]

    def _tokenize(self, text: str, *, special: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        count = -len(data) - 8
        while count < 0:  # minus the room that is needed: an odd vocabulary takes three tokens for a space
            tokens = (api.llama_token * -count)()
            count = api.llama_tokenize(self._vocab, data, len(data), tokens, -count, False, special)
        return list(tokens[:count])

    def _fim_tokens(self, family: FimFormat | None) -> dict[FimRole, int]:
        """Return the token of each role: what the file or llama.cpp says, then what the family has."""
        found = {role: self.special_token(name) for role, name in family.names().items()} if family else {}
        found |= {
            role: int(read(self._vocab)) for role, read in _FIM_READERS.items() if read(self._vocab) >= 0
        }
        return {role: token for role, token in found.items() if token is not None}

    def _order(self, family: FimFormat | None) -> FimOrder:
        """Return the order that the file says, or the family's unless the file names marks of its own."""
        for order in get_args(FimOrder):
            if self._metadata("cope.fim_order") == order:
                return cast("FimOrder", order)
        if family is None or self._fim.get("prefix") != self.special_token(family.prefix):
            return "prefix-suffix-middle"
        return family.order

    def _end_tokens(self, family: FimFormat | None) -> frozenset[int]:
        return self._tokens_of(family.ends if family else ()) | frozenset(self._fim.values())

    def _tokens_of(self, names: Iterable[str]) -> frozenset[int]:
        found = (self.special_token(name) for name in names)
        return frozenset(token for token in found if token is not None)

    def _name(self, token: int) -> str:
        name: bytes = api.llama_vocab_get_text(self._vocab, token)
        return name.decode("utf-8", "replace")

    def _read_piece(self, token: int) -> bytes:
        buffer = (ctypes.c_char * 256)()
        length = api.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False)
        if length < 0:
            buffer = (ctypes.c_char * -length)()
            length = api.llama_token_to_piece(self._vocab, token, buffer, -length, 0, False)
        return buffer.raw[:length]

    def _read_info(self, path: Path, chat: str | None) -> ModelInfo:
        description = (ctypes.c_char * 256)()
        api.llama_model_desc(self.pointer, description, 256)
        languages = self._metadata("cope.languages")
        suffix_tokens_max = self._metadata("cope.suffix_tokens_max")
        return ModelInfo(
            name=self._metadata("general.name") or path.stem,
            description=description.value.decode("utf-8", "replace"),
            parameters=api.llama_model_n_params(self.pointer),
            bytes=api.llama_model_size(self.pointer),
            context_tokens=api.llama_model_n_ctx_train(self.pointer),
            fim=fim_formats.NEEDED_MARKS[self._fim_order] <= self._fim.keys(),
            languages=tuple(languages.split(",")) if languages else None,
            suffix_tokens_max=int(suffix_tokens_max) if suffix_tokens_max.isdecimal() else None,
            gpu=bool(api.llama_supports_gpu_offload()),
            fim_order=self._fim_order,
            fim_marks=tuple(sorted(self._fim)),
            chat=chat,
        )

    def _chat_template(self) -> str:
        """Return the beginning of the template in the file, to look for marks in it; it is never run."""
        template = api.llama_model_chat_template(self.pointer, None)
        return template[:_CHAT_TEMPLATE_BYTES_MAX].decode("utf-8", "replace") if template else ""

    def _metadata(self, key: str) -> str:
        buffer = (ctypes.c_char * 1024)()
        text = ctypes.cast(buffer, ctypes.c_char_p)
        length = api.llama_model_meta_val_str(self.pointer, key.encode(), text, 1024)
        return buffer.value.decode("utf-8", "replace") if length > 0 else ""


class InterruptedBatchError(Exception):
    """A batch was not evaluated to its end, since something more urgent came."""


class LlamaContext:
    """The memory of many sequences, and one batch that is filled and then decoded."""

    def __init__(self, model: LlamaModel, settings: EngineSettings) -> None:
        params = api.llama_context_default_params()
        params.n_ctx = settings.context_tokens
        params.n_batch = params.n_ubatch = settings.batch_tokens
        params.n_seq_max = settings.sequences
        params.n_threads = params.n_threads_batch = thread_count(settings.threads, model.info.parameters)
        params.kv_unified = True  # the samples of one prompt share its cells
        params.no_perf = True
        params.flash_attn_type = _flash_attention(settings)
        params.type_k = params.type_v = _CACHE_TYPES[settings.cache_type]
        self.pointer = api.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise ModelFileError(f"llama.cpp cannot make a context: {_last_error()}")
        self._memory = api.llama_get_memory(self.pointer)
        # A state that is carried along has no positions, and neither have keys that were made without them.
        rotates = api.llama_model_rope_type(model.pointer) != api.LLAMA_ROPE_TYPE_NONE
        self.can_shift = bool(model.forgets_ends and rotates and api.llama_memory_can_shift(self._memory))
        """Whether what is remembered can be moved to other positions."""
        self._batch: Any = api.llama_batch_init(settings.batch_tokens, 0, 1)
        self.batch_tokens = settings.batch_tokens
        self.context_tokens: int = api.llama_n_ctx(self.pointer)
        self._interruptible = model.forgets_ends
        self._interrupt = ctypes.create_string_buffer(2)
        # llama.cpp asks between two steps of its graph whether to stop, on threads that must not wait for
        # Python: the length of a text in memory says it, which is not zero once a character is written.
        strlen = ctypes.CDLL("msvcrt" if os.name == "nt" else None).strlen
        self._asked = ctypes.cast(strlen, api.ggml_abort_callback)
        self._is_shifted = False
        self._ask(self._asked)
        self._row_type = ctypes.c_float * model.vocab_size
        self._decode = api.llama_decode

    @property
    def room(self) -> int:
        """How many tokens still fit into the batch."""
        return self.batch_tokens - int(self._batch.n_tokens)

    def add(self, token: int, position: int, sequence: int, *, logits: bool) -> int:
        """Put one token into the batch and return its row."""
        batch = self._batch
        row: int = batch.n_tokens
        batch.token[row] = token
        batch.pos[row] = position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = sequence
        batch.logits[row] = logits
        batch.n_tokens = row + 1
        return row

    def interrupt(self) -> None:
        """Let the batch that is evaluated now end within milliseconds, and the next ones; for any thread."""
        if self._interruptible:  # a state that is carried along could not be brought back
            self._interrupt[0] = b"!"

    def _ask(self, asked: Any) -> None:
        api.llama_set_abort_callback(self.pointer, asked, ctypes.cast(self._interrupt, ctypes.c_void_p))

    def go_on(self) -> None:
        """Let batches be evaluated to their end again."""
        self._interrupt[0] = b"\0"

    def decode(self) -> None:
        """Evaluate the batch.

        Raises:
            NoSpaceError: there is no room; the batch is kept, forget a sequence and call again.
            InterruptedBatchError: somebody interrupted it; the batch is kept, and nothing of it remembered.
            DecodeError: llama.cpp failed; the batch is emptied.
        """
        if self._is_shifted:  # interrupted while it moves layer by layer, it would move the first ones twice
            self._ask(api.ggml_abort_callback())
        status = self._decode(self.pointer, self._batch)
        if self._is_shifted:
            self._ask(self._asked)
            self._is_shifted = False
        if status == 1:
            raise NoSpaceError("the context is full")
        if status == _ABORTED:
            raise InterruptedBatchError
        self._batch.n_tokens = 0
        if status != 0:
            raise DecodeError(f"llama_decode returned {status}: {_last_error()}")

    def drop(self, tokens: int | None = None) -> None:
        """Take the last tokens out of the batch without evaluating them; None: all."""
        self._batch.n_tokens = 0 if tokens is None else self._batch.n_tokens - tokens

    def logits(self, row: int) -> Logits:
        """Return the logits at `row` of the batch decoded last; they change with the next decode."""
        pointer = api.llama_get_logits_ith(self.pointer, row)
        if not pointer:
            raise DecodeError(f"there are no logits for row {row}")
        buffer = self._row_type.from_address(ctypes.addressof(pointer.contents))
        return np.ndarray(len(buffer), np.float32, memoryview(buffer))

    def forget(self, sequence: int, start: int = 0) -> bool:
        """Forget a sequence from position `start` on; False when the model can only forget all of it."""
        return bool(api.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def last_position(self, sequence: int) -> int:
        """Return the highest position that a sequence remembers; -1: it remembers nothing."""
        return int(api.llama_memory_seq_pos_max(self._memory, sequence))

    def save(self, sequence: int) -> bytes:
        """Return what a sequence remembers, to be brought back by `restore`."""
        size = api.llama_state_seq_get_size(self.pointer, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = api.llama_state_seq_get_data(self.pointer, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore(self, sequence: int, state: bytes) -> bool:
        """Let an empty sequence remember what was saved; False when there is no room for it."""
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        return bool(api.llama_state_seq_set_data(self.pointer, buffer, len(state), sequence))

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share what `source` remembers from position `start` to before `end`."""
        api.llama_memory_seq_cp(self._memory, source, target, start, end)

    def shift(self, sequence: int, start: int, end: int, by: int) -> None:
        """Move what a sequence remembers from `start` to before `end`; no other may share it."""
        self._is_shifted = True
        api.llama_memory_seq_add(self._memory, sequence, start, end, by)

    def close(self) -> None:
        """Free the context and its batch."""
        api.llama_batch_free(self._batch)
        api.llama_free(self.pointer)


def _last_error() -> str:
    """Return what llama.cpp said of the fault: its last line, or one before it that says more."""
    causes = [line for line in _recent_log if "error loading model:" in line]
    said = [*_recent_log, *causes]
    return said[-1] if said else "no reason given"


_CACHE_TYPES = {"f16": api.GGML_TYPE_F16, "f32": api.GGML_TYPE_F32}


def _flash_attention(settings: EngineSettings) -> int:
    """Flash attention for the GPU; on the CPU it is no faster and sums in 16 bits.

    The noise of that sum makes greedy text depend on what else is in the batch: measured on 60 prompts of 48
    tokens, 32 texts differed from those drawn alone with it, 2 without it, and none with unquantised weights
    and a 32-bit cache.
    """
    on_gpu = settings.gpu_layers != 0 and bool(api.llama_supports_gpu_offload())
    kind = api.LLAMA_FLASH_ATTN_TYPE_AUTO if on_gpu else api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return int(kind)


_FIM_READERS: dict[FimRole, Any] = {
    "prefix": api.llama_vocab_fim_pre,
    "suffix": api.llama_vocab_fim_suf,
    "middle": api.llama_vocab_fim_mid,
    "repository": api.llama_vocab_fim_rep,
    "file": api.llama_vocab_fim_sep,
}


def _inside(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the places after the first character of each name; it matches no character."""
    places = [f"(?<={re.escape(name[0])})(?={re.escape(name[1:])})" for name in names if len(name) > 1]
    return re.compile("|".join(places) or "(?!)")
