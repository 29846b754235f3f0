"""llama.cpp through its C API: a model, a context of many sequences, samplers.

The only file that imports `llama_cpp`. Thin on purpose: what to decode when is the scheduler's matter.
llama-cpp-python's own `Llama` object holds one sequence and cannot do what the scheduler needs.
"""

import ctypes
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as api
import numpy as np

from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, ModelFileError
from cope_lsp.values import FimRole, ModelInfo, Sampling

_GGUF_MAGIC = b"GGUF"
_LOG_LEVEL_WARN = 2
_ONE_THREAD_PARAMETERS_MAX = 30_000_000
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


def thread_count(wanted: int, parameters: int) -> int:
    """Return `wanted`, or for 0 a number that suits this machine and a model of so many `parameters`.

    A tiny model spends more time at the barriers between threads than at work. Above four logical cores
    half of them: decoding is bound by memory, and hyper-threads only wait.
    """
    if wanted > 0:
        return wanted
    if parameters < _ONE_THREAD_PARAMETERS_MAX:
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask
        cores = os.cpu_count() or 1
    return cores if cores <= 4 else cores // 2


class LlamaModel:
    """A loaded model and its vocabulary."""

    def __init__(self, path: Path, gpu_layers: int) -> None:
        """Load the GGUF file at `path`.

        Raises:
            ModelFileError: with the reason, when there is no such file or llama.cpp refuses it.
        """
        _check_is_gguf(path)
        params = api.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        _recent_log.clear()
        self.pointer = api.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            raise ModelFileError(f"llama.cpp cannot load {path}: {_last_error()}")
        self._vocab = api.llama_model_get_vocab(self.pointer)
        self.vocab_size: int = api.llama_vocab_n_tokens(self._vocab)
        self._pieces: dict[int, bytes] = {}
        self._fim = _fim_tokens(self._vocab)
        self.info = self._read_info(path)

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of plain `text`; the names of special tokens in it are just text."""
        data = text.encode("utf-8", "replace")
        capacity = len(data) + 8
        tokens = (api.llama_token * capacity)()
        count = api.llama_tokenize(self._vocab, data, len(data), tokens, capacity, False, False)
        assert count >= 0, "a token covers at least one byte"
        return list(tokens[:count])

    def opening_tokens(self) -> list[int]:
        """Return what the model wants before every prompt: its BOS token, or nothing."""
        if not api.llama_vocab_get_add_bos(self._vocab):
            return []
        return [api.llama_vocab_bos(self._vocab)]

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

    def is_end(self, token: int) -> bool:
        """Return whether `token` ends a generation."""
        return bool(api.llama_vocab_is_eog(self._vocab, token))

    def close(self) -> None:
        """Free the model."""
        api.llama_model_free(self.pointer)

    def _read_piece(self, token: int) -> bytes:
        buffer = (ctypes.c_char * 256)()
        length = api.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False)
        if length < 0:
            buffer = (ctypes.c_char * -length)()
            length = api.llama_token_to_piece(self._vocab, token, buffer, -length, 0, False)
        return buffer.raw[:length]

    def _read_info(self, path: Path) -> ModelInfo:
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
            fim=len(self._fim) == len(_FIM_READERS),
            languages=tuple(languages.split(",")) if languages else None,
            suffix_tokens_max=int(suffix_tokens_max) if suffix_tokens_max.isdecimal() else None,
            suffix_first=self._metadata("cope.fim_order") == "suffix-first",
            gpu=bool(api.llama_supports_gpu_offload()),
        )

    def _metadata(self, key: str) -> str:
        buffer = (ctypes.c_char * 1024)()
        length = api.llama_model_meta_val_str(
            self.pointer, key.encode(), ctypes.cast(buffer, ctypes.c_char_p), 1024
        )
        return buffer.value.decode("utf-8", "replace") if length > 0 else ""


class Sampler:
    """Draws a token from a row of logits, in C."""

    def __init__(self, sampling: Sampling, index: int) -> None:
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        for link in _links(sampling, index):
            api.llama_sampler_chain_add(chain, link)
        self.pointer = chain

    def close(self) -> None:
        """Free the sampler."""
        api.llama_sampler_free(self.pointer)


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
        self._context = api.llama_init_from_model(model.pointer, params)
        if not self._context:
            raise ModelFileError(f"llama.cpp cannot make a context: {_last_error()}")
        self._memory = api.llama_get_memory(self._context)
        self._batch: Any = api.llama_batch_init(settings.batch_tokens, 0, 1)
        self.batch_tokens = settings.batch_tokens
        self.context_tokens: int = api.llama_n_ctx(self._context)
        self._vocab_size = model.vocab_size
        self._decode = api.llama_decode
        self._sample = api.llama_sampler_sample

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

    def decode(self) -> None:
        """Evaluate the batch.

        Raises:
            NoSpaceError: there is no room; the batch is kept, forget a sequence and call again.
            DecodeError: llama.cpp failed; the batch is emptied.
        """
        status = self._decode(self._context, self._batch)
        if status == 1:
            raise NoSpaceError("the context is full")
        self._batch.n_tokens = 0
        if status != 0:
            raise DecodeError(f"llama_decode returned {status}: {_last_error()}")

    def drop_batch(self) -> None:
        """Empty the batch without evaluating it."""
        self._batch.n_tokens = 0

    def sample(self, sampler: Sampler, row: int) -> int:
        """Draw the token that follows the one at `row` of the batch decoded last."""
        token: int = self._sample(sampler.pointer, self._context, row)
        return token

    def log_probability(self, row: int, token: int) -> float:
        """Return the natural logarithm of the model's probability of `token` after `row`."""
        pointer = api.llama_get_logits_ith(self._context, row)
        logits = np.ctypeslib.as_array(pointer, shape=(self._vocab_size,))
        highest = logits.max()
        total = np.exp(logits - highest, dtype=np.float64).sum()
        return float(logits[token] - highest - np.log(total))

    def forget(self, sequence: int, start: int = 0) -> bool:
        """Forget a sequence from position `start` on; False when the model can only forget all of it."""
        return bool(api.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def copy(self, source: int, target: int, end: int) -> None:
        """Let `target` share what `source` remembers before position `end`."""
        api.llama_memory_seq_cp(self._memory, source, target, 0, end)

    def close(self) -> None:
        """Free the context and its batch."""
        api.llama_batch_free(self._batch)
        api.llama_free(self._context)


def _check_is_gguf(path: Path) -> None:
    """Refuse what is certainly no model before native code reads it."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise ModelFileError(f"the model file {path} cannot be read: {error.strerror}") from error
    if magic != _GGUF_MAGIC:
        raise ModelFileError(f"{path} is not a GGUF file, the format that llama.cpp loads")


def _last_error() -> str:
    return _recent_log[-1] if _recent_log else "no reason given"


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
}


def _fim_tokens(vocab: Any) -> dict[FimRole, int]:
    found = {role: int(read(vocab)) for role, read in _FIM_READERS.items()}
    return {role: token for role, token in found.items() if token >= 0}


def _links(sampling: Sampling, index: int) -> Sequence[Any]:
    if sampling.temperature <= 0:
        return [api.llama_sampler_init_greedy()]
    return [
        api.llama_sampler_init_top_k(sampling.top_k),
        api.llama_sampler_init_top_p(sampling.top_p, 1),
        api.llama_sampler_init_min_p(sampling.min_p, 1),
        api.llama_sampler_init_temp(sampling.temperature),
        api.llama_sampler_init_dist((sampling.seed + index) & 0xFFFFFFFF),
    ]
