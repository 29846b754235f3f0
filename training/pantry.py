"""The pantry: the ingredients that both models are made of, made once and kept."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from tokenizers import Tokenizer

from cope_lsp.cascade.prompts import plain
from training import benchmarks, corpus, exercises, synthetic, tokenizer
from training.corpus import Corpus, SourceFile
from training.exercises import Exercise
from training.family import generator
from training.family.operation import OPERATIONS_DIR
from training.family.task import FamilyTask, Split
from training.manifest import Manifest, describe
from training.recipe import BUILD_DIR, Ingredients, digest_of
from training.samples import Materials

FAMILY_SEED = 1


@dataclass(frozen=True)
class Pantry:
    """What one choice of ingredients comes to; what has been made lies in `folder` and is not made again."""

    ingredients: Ingredients
    benchmarks_dir: Path | None

    @cached_property
    def key(self) -> str:
        """A short name for the choices, the family's operations, and whether benchmarks were looked for."""
        checked = "checked" if self.benchmarks_dir else "unchecked"
        return f"{digest_of(self.ingredients)}-{_operations_digest()}-{checked}"

    @cached_property
    def folder(self) -> Path:
        """Where the ingredients are kept; other choices lie elsewhere."""
        folder = BUILD_DIR / f"ingredients-{self.key}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def corpus(self) -> Corpus:
        """The Python source of others."""
        path = self.folder / "corpus.json"
        if not path.exists():
            say("collecting the corpus")
            corpus.save(corpus.collect(self.ingredients, benchmarks.load(self.benchmarks_dir)), path)
        return corpus.load(path)

    @cached_property
    def files(self) -> tuple[list[SourceFile], list[SourceFile]]:
        """The files to train on and those held out."""
        return corpus.split(self.corpus.sources, self.ingredients.held_out_percent)

    @cached_property
    def synthetic(self) -> list[str]:
        """The synthetic modules to train on."""
        return [synthetic.module(f"train:{n}") for n in range(self.ingredients.synthetic_modules)]

    @cached_property
    def family(self) -> list[Exercise]:
        """The family's exercises to train on."""
        path = self.folder / "family.jsonl"
        if not path.exists():
            say(f"making {self.ingredients.family_tasks:,} exercises")
            drawn = self._drawn("train", self.ingredients.family_tasks)
            exercises.save(map(exercises.of_task, drawn), path)
        return exercises.load(path)

    @cached_property
    def family_held_out(self) -> list[Exercise]:
        """Exercises whose compositions training never shows."""
        return list(map(exercises.of_task, self._drawn("held-out", self.ingredients.family_held_out)))

    def _drawn(self, split: Split, count: int) -> Iterator[FamilyTask]:
        part = self.ingredients.family_part
        return generator.tasks(split, count, FAMILY_SEED, part=part, tests=False)

    @cached_property
    def functions(self) -> list[Exercise]:
        """Documented functions of the corpus as exercises."""
        return [found for file in self.files[0] for found in exercises.in_module(file.text)]

    @cached_property
    def materials(self) -> Materials:
        """Everything that rows are made of."""
        return Materials(self.files[0], self.synthetic, self.family, self.functions)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of both models."""
        path = self.tokenizer_file
        if not path.exists():
            say("training the tokenizer")
            tasks = [plain(each.parts, "code") + each.body for each in self.family]
            texts = [file.text for file in self.files[0]]
            tokenizer.fit(texts + self.synthetic + tasks, self.ingredients.vocabulary).save(str(path))
        return tokenizer.load(path)

    @property
    def tokenizer_file(self) -> Path:
        """Where the tokenizer is kept."""
        return self.folder / "tokenizer.json"

    def manifest(self) -> Manifest:
        """Return the record of all this."""
        return describe(self.ingredients, self.corpus, self.synthetic, self.family)


def _operations_digest() -> str:
    """Return eight characters that change with the files of the family's operations."""
    digest = sha256()
    for path in sorted(OPERATIONS_DIR.glob("*.toml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def say(text: str) -> None:
    """Tell the person who runs the recipe what is going on."""
    print(time.strftime("%H:%M:%S"), text, flush=True)
