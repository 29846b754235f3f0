"""The curves: losses over a training, drawn from the logs of both models."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SERIES = (
    ("loss", "training, weighted", ":"),
    ("python", "held-out Python", "--"),
    ("family", "held-out tasks, what is to be written", "-"),
)


def draw(logs: Sequence[Path], path: Path) -> None:
    """Draw the logs into one picture of losses over training tokens; each log has one colour."""
    # Only a training draws; its records are read without matplotlib.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, log in enumerate(logs):
        lines = read(log)
        for name, label, style in SERIES:
            points = [(line["tokens"] / 1e6, line[name]) for line in lines if name in line]
            model = log.name.split(".")[0]
            axes.plot(
                *zip(*points, strict=True),
                style,
                color=f"C{number}",
                label=f"{model}: {label}",
                linewidth=1.2,
            )
    axes.set(xlabel="million tokens of training", ylabel="nats per token", ylim=(0, 5))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def read(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a log in the order of steps; of a step done twice, the later line."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [line for _, line in sorted({line["step"]: line for line in lines}.items())]
