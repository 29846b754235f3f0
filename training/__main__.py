"""The one command: corpus, tokenizer, training, export, evaluation and card, each resumable."""

import argparse
import hashlib
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from training import card, corpus, manifest, synthetic, tokenizer
from training.corpus import Source
from training.evaluate import Filler, evaluate, loss_of
from training.export import export
from training.recipe import EMBEDDED_DIR, SMOKE, TRAINING_DIR, Recipe
from training.samples import Sampler
from training.schedule import Progress
from training.train import Trainer, weights_of

REPORT_STEPS = 20


def main() -> int:
    """Run the recipe as the arguments say, and return the exit status."""
    arguments = _arguments()
    recipe = SMOKE if arguments.smoke else replace(Recipe(), minutes=arguments.minutes)
    build = TRAINING_DIR / "build" / f"{recipe.name}-{recipe.digest}"
    build.mkdir(parents=True, exist_ok=True)
    out = arguments.out or (build / "out" if arguments.smoke else EMBEDDED_DIR)
    try:
        Workshop(recipe, build).make(out)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.")
        return 130
    return 0


@dataclass(frozen=True)
class Workshop:
    """The steps of one recipe; what a step has made lies in `build` and is not made again."""

    recipe: Recipe
    build: Path

    def make(self, out: Path) -> None:
        """Do what is left to do, then put the finished files into `out`."""
        trainer = self._train()
        model = self.build / f"{self.recipe.name}.gguf"
        if not model.exists():
            _say(f"exporting to {model}")
            export(weights_of(trainer.network), self.tokenizer, self.recipe, model)
        evaluation = self._evaluate(trainer, model)
        self._publish(out, model, self._card(trainer, model, evaluation))

    @cached_property
    def sources(self) -> list[Source]:
        """The corpus."""
        path = self.build / "corpus.json"
        if not path.exists():
            _say("collecting the corpus")
            corpus.save(corpus.collect(self.recipe), path)
        return corpus.load(path)

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """The texts to train on and those held out."""
        kept, held_out = corpus.split(self.sources, self.recipe.held_out_percent)
        return [file.text for file in kept], [file.text for file in held_out]

    @cached_property
    def synthetic(self) -> list[str]:
        """The synthetic modules to train on."""
        return [synthetic.module(f"train:{n}") for n in range(self.recipe.synthetic_modules)]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer."""
        path = self.build / "tokenizer.json"
        if not path.exists():
            _say("training the tokenizer")
            fitted = tokenizer.fit(self.texts[0] + self.synthetic, self.recipe.vocabulary)
            fitted.save(str(path))
        return tokenizer.load(path)

    def _train(self) -> Trainer:
        sampler = Sampler(self.texts[0], self.synthetic, self.tokenizer, self.recipe)
        trainer = Trainer(self.recipe, sampler, self.build / "checkpoint.pt")
        _say(f"training {self.recipe.name}, from step {trainer.progress.step}")
        trainer.run(self._report)
        return trainer

    def _report(self, progress: Progress) -> None:
        if progress.step % REPORT_STEPS == 0:
            _say(
                f"step {progress.step:5}  {progress.tokens / 1e6:6.2f} M tokens"
                f"  loss {progress.loss:.3f}  {progress.left_s(self.recipe) / 60:5.1f} min left"
            )

    def _evaluate(self, trainer: Trainer, model: Path) -> dict[str, Any]:
        path = self.build / "evaluation.json"
        if not path.exists():
            _say("evaluating")
            unseen = [synthetic.module(f"held out:{n}") for n in range(self.recipe.fim_tasks)]
            held_out = self.texts[1]
            loss = loss_of(trainer.network, self.tokenizer, self.recipe, held_out)
            filler = Filler(model, self.tokenizer, self.recipe)
            measured = evaluate(loss, filler, self.recipe, held_out, unseen)
            path.write_text(json.dumps(asdict(measured), indent=2), encoding="utf-8")
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read

    def _card(self, trainer: Trainer, model: Path, evaluation: dict[str, Any]) -> str:
        described = manifest.describe(self.recipe, self.sources, self.synthetic)
        _write_json(self.build / "manifest.json", asdict(described))
        content = model.read_bytes()
        run = card.Run(
            steps=trainer.progress.step,
            tokens=trainer.progress.tokens,
            minutes=trainer.progress.elapsed_s / 60,
            parameters=sum(each.numel() for each in trainer.network.parameters()),
            file_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return card.write(self.recipe, described, run, evaluation)

    def _publish(self, out: Path, model: Path, text: str) -> None:
        """Copy what belongs to the project; records of the shipped model lie beside the recipe."""
        records = TRAINING_DIR if out == EMBEDDED_DIR else out
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, out / model.name)
        (out / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        for name in ("manifest.json", "tokenizer.json"):
            shutil.copyfile(self.build / name, records / name)
        _say(f"finished: {out / model.name}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--minutes", type=float, default=Recipe.minutes, help="time to train")
    parser.add_argument("--out", type=Path, help="folder of the finished model")
    parser.add_argument("--smoke", action="store_true", help="everything, tiny, in a minute")
    return parser.parse_args()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
