"""The manifest: what the models learnt from, in names, licences, sizes and hashes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cope_lsp.cascade.prompts import plain
from training.corpus import Corpus, SourceFile, split
from training.exercises import Exercise
from training.recipe import Ingredients, digest_of


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
    family: Part
    dropped: dict[str, int]
    """Files left out because of secrets in them, or of 13 words in a row that a benchmark has too."""
    benchmark_runs: int
    """How many different runs of 13 words were looked for; 0: no benchmark was at hand."""
    sources: tuple[Part, ...]


def describe(
    ingredients: Ingredients, corpus: Corpus, synthetic: Sequence[str], family: Sequence[Exercise]
) -> Manifest:
    """Return the manifest of a corpus, its synthetic modules and the family's exercises."""
    files = [file for source in corpus.sources for file in source.files]
    _, held_out = split(corpus.sources, ingredients.held_out_percent)
    made = [SourceFile("synthetic", str(n), text) for n, text in enumerate(synthetic)]
    tasks = [
        SourceFile("family", str(n), plain(each.parts, "code") + each.body) for n, each in enumerate(family)
    ]
    version = digest_of(ingredients)
    return Manifest(
        name="cope-nano-corpus",
        total=_part("total", version, "each source's own", files),
        held_out=_part("held out", version, "each source's own", held_out),
        synthetic=_part("cope-synthetic", version, "MIT", made),
        family=_part("cope-family", version, "MIT", tasks),
        dropped=corpus.dropped,
        benchmark_runs=corpus.benchmark_runs,
        sources=tuple(_part(each.name, each.version, each.licence, each.files) for each in corpus.sources),
    )


def _part(name: str, version: str, licence: str, files: Sequence[SourceFile]) -> Part:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.source}/{file.path}\0{file.text}\0".encode())
    size = sum(len(file.text.encode()) for file in files)
    return Part(name, version, licence, len(files), size, digest.hexdigest())
