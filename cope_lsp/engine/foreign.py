"""Files that are no GGUF models: what each most probably is, and what its owner can do."""

from dataclasses import dataclass
from pathlib import Path

FETCH_AGAIN = "download it again, or compare its size and sha256 with where it came from"
_CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py, or get the GGUF file of the same model"


@dataclass(frozen=True, slots=True)
class NotAModel:
    """Why a file cannot be loaded, and the next step."""

    path: Path
    what: str
    next_step: str

    @property
    def message(self) -> str:
        """One sentence for the person who named the file."""
        return f"{self.path} {self.what}; {self.next_step}"


_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "it is a pointer of Git LFS, which stands for a file that was not fetched",
        "fetch it: git lfs pull",
    ),
    (b"PK\x03\x04", "it is a zip archive, as PyTorch checkpoints are", _CONVERT),
    (b"\x80\x02", "it is a pickle, as old PyTorch checkpoints are", _CONVERT),
    (b"\x1f\x8b", "it is compressed with gzip", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "unpack it first"),
    (b"FUGG", "its bytes are in big-endian order", "get the ordinary, little-endian file"),
    # Older formats of llama.cpp, whose magic is a number: ggml, ggmf, ggjt.
    (b"lmgg", "it is of llama.cpp's format before GGUF", "get the GGUF file of the same model"),
    (b"fmgg", "it is of llama.cpp's format before GGUF", "get the GGUF file of the same model"),
    (b"tjgg", "it is of llama.cpp's format before GGUF", "get the GGUF file of the same model"),
)


def describe(beginning: bytes) -> tuple[str, str]:
    """Return what a file with these first bytes is, and the next step."""
    if not beginning:
        return "it is empty", FETCH_AGAIN
    if not beginning.strip(b"\0"):
        return "it begins with zeros, as an interrupted download may", FETCH_AGAIN
    for start, what, next_step in _BEGINNINGS:
        if beginning.startswith(start):
            return what, next_step
    if beginning[8:10] == b'{"' and beginning[5:8] == b"\0\0\0":  # a length of 64 bits, then JSON
        return "it is a safetensors file", _CONVERT
    return _text(beginning)


def _text(beginning: bytes) -> tuple[str, str]:
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return "it is a web page, as a failed download leaves", "download the file itself, not its page"
    if text.startswith(b"{"):
        return "it is JSON, as a failed download may leave", FETCH_AGAIN
    if b"\0" not in beginning:
        return "it is a text", "name a file that ends in .gguf"
    return "it does not begin with the letters GGUF", "name a file that ends in .gguf"
