"""The card: what a reader must know of a model, written from the numbers of its making."""

from dataclasses import dataclass
from typing import Any

from training.manifest import Manifest, Part
from training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """How a training went, and the file that came out of it."""

    steps: int
    tokens: int
    minutes: float
    parameters: int
    file_bytes: int
    sha256: str


def write(recipe: Recipe, manifest: Manifest, run: Run, evaluation: dict[str, Any]) -> str:
    """Return the card as Markdown; `evaluation` has the fields of `evaluate.Evaluation`."""
    sections = (
        _head(recipe, run),
        _numbers(run, evaluation),
        _probes(evaluation["probes"]),
        LIMITS,
        _data(recipe, manifest),
        _reproduce(recipe, run),
    )
    return "\n".join(sections)


LIMITS = """\
## What it can and cannot do

It knows Python's shape: it finishes some short, ordinary lines and repeats names that stand near
the cursor. Most of its answers are wrong, as the numbers above say. It is a stand-in that makes
completion work offline, at once and on any machine; it is far behind models of a hundred or a
thousand times its size.

- It does not understand a task. A body for a name or docstring that is not a commonplace is
  plausible text, and often wrong.
- It has seen little of any library but the ones below, nothing of other programming languages
  (`cope.languages` says so to the server), and of natural language only comments in English.
- It often does not stop by itself, and repeats itself in long answers. Ask for one line.
- It makes little use of the text behind the cursor, and is better without it (see the numbers).
- It may reproduce short passages of its sources, whose licences are listed below.
- The synthetic modules are made of few templates. Their score shows that training worked, and
  nothing about code in general.
"""


def _head(recipe: Recipe, run: Run) -> str:
    return f"""\
# {recipe.name}

A very small language model for completing Python, with fill-in-the-middle: {run.parameters:,}
parameters, {recipe.layers} layers, {recipe.width} wide, {recipe.context_tokens:,} tokens of
context, {recipe.vocabulary:,} tokens of byte-level BPE. Architecture `llama`, quantised to Q8_0.
It was trained from nothing on two CPU cores by `training/` in this repository, which also wrote
this card.

| | |
|---|---|
| file | `{recipe.name}.gguf`, {run.file_bytes:,} bytes |
| SHA-256 | `{run.sha256}` |
| licence of the weights | MIT, like the project |
| languages | Python |
| prompt | `<\\|fim_prefix\\|>` prefix `<\\|fim_suffix\\|><\\|fim_middle\\|>`, no BOS, no suffix |
| end of an answer | `<\\|endoftext\\|>` |
"""


def _numbers(run: Run, evaluation: dict[str, Any]) -> str:
    loss = evaluation["loss"]
    return f"""\
## Numbers

| | |
|---|---|
| training | {run.steps:,} steps, {run.tokens:,} tokens, {run.minutes:.0f} minutes |
| held-out loss, left to right | {loss["nats_per_token"]:.3f} nats per token, \
{loss["nats_per_byte"]:.3f} nats per byte ({loss["tokens"]:,} tokens) |
| rest of a line, held-out files, exactly right | {_share(evaluation["held_out"])} |
| the same, with the suffix shown to the model | {_share(evaluation["held_out_with_suffix"])} |
| rest of a line, unseen synthetic modules, exactly right | {_share(evaluation["synthetic"])} |

The loss is the network's before it was quantised; the rest was measured with llama.cpp on the
file, greedily. A line counts as right when all its missing characters are, apart from blanks at
its end. Held-out files were chosen by the hash of their path; files of the same packages were
trained on.
"""


def _share(exact: dict[str, int]) -> str:
    right, tasks = exact["right"], exact["tasks"]
    return f"{right} of {tasks} ({100 * right / max(1, tasks):.0f} %)"


def _probes(probes: list[tuple[str, str, str]]) -> str:
    shown = "\n\n".join(f"{prefix}⟦{answer}⟧{suffix.rstrip()}" for prefix, suffix, answer in probes)
    return f"""\
## What it writes

Greedy answers to fixed prompts, good and bad, between ⟦ and ⟧:

```text
{shown}
```
"""


def _data(recipe: Recipe, manifest: Manifest) -> str:
    rows = "\n".join(map(_row, manifest.sources))
    return f"""\
## What it was trained on

{manifest.total.files:,} files with {manifest.total.bytes:,} bytes of Python, of which
{manifest.held_out.files} files with {manifest.held_out.bytes:,} bytes were held out. They are
installed copies of CPython's standard library and of packages whose own metadata name a permissive
licence, without tests, vendored code, generated files, tables of data and near copies. There is no
benchmark among them on purpose. About {100 * recipe.synthetic_share:.0f} % of the samples come from
{manifest.synthetic.files:,} small modules that `training/synthetic.py` makes from its own
templates (MIT). `training/manifest.json` has the hashes.

| source | version | licence | files | bytes |
|---|---|---|---:|---:|
{rows}
"""


def _row(part: Part) -> str:
    return f"| {part.name} | {part.version} | {part.licence} | {part.files} | {part.bytes:,} |"


def _reproduce(recipe: Recipe, run: Run) -> str:
    return f"""\
## How to make it again

`make model` runs the recipe `{recipe.digest}` with seed {recipe.seed:,}. Corpus, tokenizer and
order of the samples come out the same from the same versions; the schedule follows the clock
({recipe.minutes:.0f} minutes of training), so a faster machine sees more tokens than the
{run.tokens / 1e6:.1f} million here and the weights differ.
"""
