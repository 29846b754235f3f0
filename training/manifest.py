"""The manifest: what a corpus consists of, in names, licences, sizes and hashes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from training.corpus import Source, SourceFile, split
from training.recipe import Recipe


@dataclass(frozen=True)
class Part:
    """Some files of the corpus; `bytes` of UTF-8 text, `sha256` over paths and texts in order."""

    name: str
    version: str
    licence: str
    files: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All parts of a corpus; the held-out files are counted in `sources` too."""

    name: str
    total: Part
    held_out: Part
    synthetic: Part
    sources: tuple[Part, ...]


def describe(recipe: Recipe, sources: Sequence[Source], synthetic: Sequence[str]) -> Manifest:
    """Return the manifest of a collection and its synthetic modules."""
    files = [file for source in sources for file in source.files]
    _, held_out = split(list(sources), recipe.held_out_percent)
    made = [SourceFile("synthetic", str(n), text) for n, text in enumerate(synthetic)]
    version = recipe.version
    return Manifest(
        name=f"{recipe.name}-corpus",
        total=_part("total", version, "each source's own", files),
        held_out=_part("held out", version, "each source's own", held_out),
        synthetic=_part("cope-synthetic", version, "MIT", made),
        sources=tuple(_part(each.name, each.version, each.licence, each.files) for each in sources),
    )


def _part(name: str, version: str, licence: str, files: Sequence[SourceFile]) -> Part:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.source}/{file.path}\0{file.text}\0".encode())
    size = sum(len(file.text.encode()) for file in files)
    return Part(name, version, licence, len(files), size, digest.hexdigest())
