"""The one command: ingredients, training, export, evaluation and card of a model, each step resumable."""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training import card, curves, synthetic
from training.evaluate import Filler, HeldOut, Unseen, evaluate, loss_of
from training.export import export
from training.growth import Weights, grown
from training.pantry import Pantry, say
from training.recipe import BUILD_DIR, EMBEDDED_DIR, OUT_DIRS, RECIPES, TRAINING_DIR, Recipe, smoke
from training.samples import Sampler
from training.schedule import Progress
from training.train import CHECKPOINT_FILE, LOG_FILE, Measured, Trainer, weights_in, weights_of
from training.verify import UnfitError, verify

REPORT_STEPS = 20


def main() -> int:
    """Run the recipe as the arguments say, and return the exit status."""
    arguments = _arguments()
    recipe = _recipe(arguments)
    pantry = Pantry(recipe.ingredients, arguments.benchmarks)
    build = build_dir(recipe, pantry)
    out = arguments.out or (build / "out" if arguments.smoke else OUT_DIRS[arguments.model])
    try:
        Workshop(recipe, pantry, build, arguments.results).make(out)
    except UnfitError as error:
        print(f"Not published: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.")
        return 130
    return 0


def build_dir(recipe: Recipe, pantry: Pantry) -> Path:
    """Return the folder for what a recipe makes; other choices work elsewhere."""
    folder = BUILD_DIR / f"{recipe.name}-{recipe.digest}-{pantry.key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Workshop:
    """The steps of one recipe; what a step has made lies in `build` and is not made again."""

    recipe: Recipe
    pantry: Pantry
    build: Path
    results: Path | None
    """Pass rates on family tasks that the product's evaluation measured, as JSON, for the card."""

    def make(self, out: Path) -> None:
        """Do what is left to do, then put the finished files into `out`."""
        trainer = self._train()
        model = self.build / self.recipe.file_name
        if not model.exists():
            say(f"exporting to {model}")
            export(weights_of(trainer.network), self.pantry.tokenizer, self.recipe, model)
        evaluation = self._evaluate(trainer, model)
        self._publish(out, model, self._card(trainer, model, evaluation))

    def _train(self) -> Trainer:
        sampler = Sampler(self.pantry.materials, self.pantry.tokenizer, self.recipe)
        trainer = Trainer(self.recipe, sampler, self.build, self._origin())
        step = trainer.progress.step
        say(f"training {self.recipe.name}, {trainer.parameters:,} parameters, from step {step}")
        trainer.run(self._report, self._measure(trainer, sampler))
        return trainer

    def _origin(self) -> Weights | None:
        """Return the weights to begin with, when this is a beginning and the recipe grows from another."""
        small = self.recipe.grows_from
        if small is None or (self.build / CHECKPOINT_FILE).exists():
            return None
        folder = build_dir(small, self.pantry)
        if not (folder / small.file_name).exists():
            raise SystemExit(f"{self.recipe.name} grows from {small.name}: train that one to its end first.")
        return grown(weights_in(folder), small, self.recipe)

    def _measure(self, trainer: Trainer, sampler: Sampler) -> Callable[[], Measured]:
        held_out = HeldOut.of(self.pantry.files[1], self.pantry.family_held_out, sampler, self.recipe)

        def measure() -> Measured:
            measured = held_out.losses(trainer.network)
            say("held out  " + "  ".join(f"{name} {value:.3f}" for name, value in measured.items()))
            return measured

        return measure

    def _report(self, progress: Progress) -> None:
        if progress.step % REPORT_STEPS == 0:
            say(
                f"step {progress.step:5}  {progress.tokens / 1e6:6.2f} M tokens"
                f"  {progress.tokens / progress.elapsed_s:6,.0f}/s"
                f"  loss {progress.loss:.3f}  {progress.left_s(self.recipe) / 60:5.1f} min left"
            )

    def _evaluate(self, trainer: Trainer, model: Path) -> dict[str, Any]:
        path = self.build / "evaluation.json"
        if not path.exists():
            say("evaluating")
            modules = [synthetic.module(f"held out:{n}") for n in range(self.recipe.fim_tasks)]
            files = [file.text for file in self.pantry.files[1]]
            loss = loss_of(trainer.network, self.pantry.tokenizer, self.recipe, files)
            filler = Filler(model, self.pantry.tokenizer, self.recipe)
            unseen = Unseen(files, modules, self.pantry.family_held_out)
            measured = evaluate(loss, filler, self.recipe, unseen)
            _write_json(path, asdict(measured))
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read

    def _card(self, trainer: Trainer, model: Path, evaluation: dict[str, Any]) -> str:
        described = self.pantry.manifest()
        _write_json(self.build / "manifest.json", asdict(described))
        content = model.read_bytes()
        run = card.Run(
            steps=trainer.progress.step,
            tokens=trainer.progress.tokens,
            minutes=trainer.progress.elapsed_s / 60,
            parameters=trainer.parameters,
            file_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        results = json.loads(self.results.read_text(encoding="utf-8")) if self.results else None
        return card.write(self.recipe, described, run, evaluation, results)

    def _publish(self, out: Path, model: Path, text: str) -> None:
        """Copy what belongs to the project; records of the pair lie beside the recipe."""
        verify(model, text, self.pantry.tokenizer, (file.text for file in self.pantry.files[1]))
        records = TRAINING_DIR if out in OUT_DIRS.values() else out
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, out / model.name)
        (out / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        shutil.copyfile(self.build / LOG_FILE, records / f"{self.recipe.name}.{LOG_FILE}")
        if out in (EMBEDDED_DIR, records):
            shutil.copyfile(self.build / "manifest.json", records / "manifest.json")
            shutil.copyfile(self.pantry.tokenizer_file, records / "tokenizer.json")
        curves.draw(sorted(records.glob(f"*.{LOG_FILE}")), records / "curves.svg")
        say(f"finished: {out / model.name}")


def _recipe(arguments: argparse.Namespace) -> Recipe:
    recipe = RECIPES[arguments.model, arguments.device]
    if arguments.smoke:
        return smoke(recipe)
    minutes = arguments.minutes or recipe.minutes
    return replace(recipe, minutes=minutes, threads=arguments.threads or recipe.threads)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("model", choices=sorted(OUT_DIRS), nargs="?", default="nano")
    parser.add_argument("--minutes", type=float, help="time to train")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="threads of the processor to train with")
    parser.add_argument(
        "--benchmarks", type=Path, help="folder of benchmarks that the corpus must not contain"
    )
    parser.add_argument("--results", type=Path, help="JSON file with measured pass rates, for the card")
    parser.add_argument("--out", type=Path, help="folder of the finished model")
    parser.add_argument("--smoke", action="store_true", help="everything, tiny, in a minute")
    return parser.parse_args()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
