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


def write(
    recipe: Recipe,
    manifest: Manifest,
    run: Run,
    evaluation: dict[str, Any],
    results: dict[str, float] | None = None,
) -> str:
    """Return the card as Markdown.

    Args:
        recipe: how the model was made.
        manifest: what of.
        run: how that went.
        evaluation: the fields of `evaluate.Evaluation`.
        results: pass rates from 0 to 1 on held-out tasks, by what was asked for; None: not measured.
    """
    sections = (
        _head(recipe, run),
        _numbers(recipe, run, evaluation),
        _results(results),
        _probes(evaluation),
        LIMITS,
        _data(recipe, manifest),
        _reproduce(recipe, run),
    )
    return "\n".join(section for section in sections if section)


LIMITS = """\
## What it can and cannot do

It knows Python's shape, and one narrow family of small functions: what a few hundred plain operations on
numbers, texts, tables, records and days compute, one to three of them in a row, asked for in English. It is
a stand-in that makes completion and the cascade of plans work offline, at once and on any machine; it is far
behind models of a hundred or a thousand times its size.

- Outside that family it does not understand a task: a body for any other docstring is plausible text, and
  mostly wrong.
- Inside it, it is often wrong about what a wording means. A plan that says it plainly helps, and a wrong
  plan misleads it.
- It has seen little of any library but the ones below, nothing of other programming languages
  (`cope.languages` says so to the server), and of natural language only comments in English.
- It often does not stop by itself in ordinary code, and repeats itself in long answers. Ask for one line.
- It may reproduce short passages of its sources, whose licences are listed below.
- Scores on the family and on synthetic modules show that training worked, and nothing about code in general.
"""


def _head(recipe: Recipe, run: Run) -> str:
    return f"""\
# {recipe.name}

{recipe.title}: {run.parameters:,} parameters, {recipe.layers} layers, {recipe.width} wide,
{recipe.context_tokens:,} tokens of context, {recipe.ingredients.vocabulary:,} tokens of byte-level BPE.
Architecture `llama`, quantised to {recipe.quantisation}. It was trained {_beginning(recipe)} \
on {_machine(recipe)}
by `training/` in this repository, which also wrote this card.

| | |
|---|---|
| file | `{recipe.file_name}`, {run.file_bytes:,} bytes |
| SHA-256 | `{run.sha256}` |
| licence of the weights | MIT, like the project |
| languages | Python |
| prompt to fill in | `<\\|fim_suffix\\|>` suffix `<\\|fim_prefix\\|>` prefix `<\\|fim_middle\\|>`, no BOS, \
{_suffix(recipe)} |
| prompt for a function | as in `cope_lsp/cascade/prompts.py`: plans are comments below the docstring |
| end of an answer | `<\\|endoftext\\|>` |
"""


def _beginning(recipe: Recipe) -> str:
    return f"from {recipe.grows_from.name}, out of which it grew," if recipe.grows_from else "from nothing"


def _machine(recipe: Recipe) -> str:
    if recipe.device == "cuda":
        return "one GPU"
    return "one processor core" if recipe.threads == 1 else f"{recipe.threads} processor cores"


def _suffix(recipe: Recipe) -> str:
    limit = recipe.suffix_tokens_max
    return f"at most {limit} tokens of suffix" if limit else "no suffix"


def _numbers(recipe: Recipe, run: Run, evaluation: dict[str, Any]) -> str:
    loss, suffix_max = evaluation["loss"], recipe.suffix_tokens_max
    return f"""\
## Numbers

| | |
|---|---|
| training | {run.steps:,} steps, {run.tokens:,} tokens, {run.minutes:.0f} minutes |
| held-out loss, left to right | {loss["nats_per_token"]:.3f} nats per token, \
{loss["nats_per_byte"]:.3f} nats per byte ({loss["tokens"]:,} tokens) |
| rest of a line, held-out files, exactly right, no suffix shown | {_share(evaluation["held_out"])} |
| the same, with up to {suffix_max} tokens of suffix | {_share(evaluation["held_out_with_suffix"])} |
| rest of a line, unseen synthetic modules, exactly right | {_share(evaluation["synthetic"])} |

The loss is the network's before it was quantised; the rest was measured with llama.cpp on the
file, greedily. A line counts as right when all its missing characters are, apart from blanks at
its end. Held-out files were chosen by the hash of their path; files of the same packages were
trained on. The learning curves are in `training/curves.svg`.
"""


def _share(exact: dict[str, int]) -> str:
    right, tasks = exact["right"], exact["tasks"]
    return f"{right} of {tasks} ({100 * right / max(1, tasks):.0f} %)"


def _results(results: dict[str, float] | None) -> str:
    if not results:
        return ""
    rows = "\n".join(f"| {asked} | {100 * rate:.1f} % |" for asked, rate in results.items())
    return f"""\
## Held-out tasks of the family

Functions whose hidden tests all pass, greedy, measured by the product's own evaluation. Compositions of
operations in these tasks were not trained on.

| asked for | pass rate |
|---|---:|
{rows}
"""


def _probes(evaluation: dict[str, Any]) -> str:
    holes = (f"{prefix}⟦{answer}⟧{suffix.rstrip()}" for prefix, suffix, answer in evaluation["probes"])
    tasks = (f"{prompt}⟦{answer}⟧" for prompt, answer in evaluation["task_probes"])
    shown = "\n\n".join(line.rstrip() for line in (*holes, *tasks))
    return f"""\
## What it writes

Greedy answers to fixed prompts, good and bad, between ⟦ and ⟧; the last ones are held-out tasks:

```text
{shown}
```
"""


def _data(recipe: Recipe, manifest: Manifest) -> str:
    rows = "\n".join(map(_row, manifest.sources))
    dropped = manifest.dropped
    return f"""\
## What it was trained on

{manifest.total.files:,} files with {manifest.total.bytes:,} bytes of Python, of which
{manifest.held_out.files} files with {manifest.held_out.bytes:,} bytes were held out. They are
installed copies of CPython's standard library and of packages whose own metadata name a permissive
licence, without tests, vendored code, generated files, tables of data and near copies.
{dropped["secrets"]} files were left out because something in them looks like a secret, and
{dropped["benchmarks"]} because they share 13 words in a row with a benchmark ({_looked_for(manifest)}).

Documents are drawn as exercises, a function to write with or without plans, with a probability of
{100 * recipe.diet.task_share:.0f} %: from the {manifest.family.files:,} tasks of `training/family` (MIT), and
{100 * recipe.diet.function_share:.0f} % of them from documented functions of the files above. Of the rest,
{100 * recipe.diet.synthetic_share:.0f} % are small modules that `training/synthetic.py` makes of templates
(MIT). `training/manifest.json` has the hashes.

| source | version | licence | files | bytes |
|---|---|---|---:|---:|
{rows}
"""


def _looked_for(manifest: Manifest) -> str:
    if not manifest.benchmark_runs:
        return "none was at hand to compare with"
    return f"{manifest.benchmark_runs:,} such runs of MBPP and HumanEval were looked for"


def _row(part: Part) -> str:
    return f"| {part.name} | {part.version} | {part.licence} | {part.files} | {part.bytes:,} |"


def _command(recipe: Recipe) -> str:
    return "make -C training nano-large" if recipe.grows_from else "make model"


def _reproduce(recipe: Recipe, run: Run) -> str:
    return f"""\
## How to make it again

`{_command(recipe)}` runs the recipe `{recipe.digest}` \
with seed {recipe.ingredients.seed:,}. Corpus, tokenizer and
order of the samples come out the same from the same versions; the schedule follows the clock
({recipe.minutes:.0f} minutes of training), so a faster machine sees more tokens than the
{run.tokens / 1e6:.1f} million here and the weights differ.
"""
