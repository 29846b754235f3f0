"""The training: steps on a clock, with a learning rate that has decayed when time is up."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.growth import Weights
from training.muon import Muon
from training.network import Network
from training.recipe import Recipe
from training.samples import Row, Sampler
from training.schedule import Progress, rate_share

SMOOTHING = 0.98
LOG_STEPS = 10
LOG_FILE = "log.jsonl"
CHECKPOINT_FILE = "checkpoint.pt"

Measured = dict[str, float]
"""Losses on what is not trained on, in nats per token, by the name of the material."""


class Trainer:
    """A network with its optimizers and its place in the schedule."""

    def __init__(self, recipe: Recipe, sampler: Sampler, folder: Path, start: Weights | None = None) -> None:
        """Go on from the folder's checkpoint, or begin, with the weights of `start` if there are some."""
        torch.manual_seed(recipe.ingredients.seed)
        torch.set_num_threads(recipe.threads)
        self._recipe = recipe
        self._sampler = sampler
        self._checkpoint = folder / CHECKPOINT_FILE
        self._log = folder / LOG_FILE
        self.network = Network(recipe).to(recipe.device)
        if start is not None:
            self.network.load_state_dict({name: torch.from_numpy(each) for name, each in start.items()})
        self.progress = Progress()
        self._optimizers = build_optimizers(self.network, recipe)
        if self._checkpoint.exists():
            self._restore()

    @property
    def parameters(self) -> int:
        """Return how many numbers the network has."""
        return sum(each.numel() for each in self.network.parameters())

    def run(self, report: Callable[[Progress], None], measure: Callable[[], Measured]) -> None:
        """Train to the end of the budget; a kill loses at most `checkpoint_s` seconds."""
        if self.progress.share(self._recipe) >= 1.0:
            return
        saved_s = measured_s = self.progress.elapsed_s
        while self.progress.share(self._recipe) < 1.0:
            self._timed_step()
            report(self.progress)
            elapsed_s = self.progress.elapsed_s
            if elapsed_s - measured_s > self._recipe.measure_s or self.progress.step == 1:
                self._write_log(measure())
                measured_s = elapsed_s
            elif self.progress.step % LOG_STEPS == 0:
                self._write_log({})
            if elapsed_s - saved_s > self._recipe.checkpoint_s:
                self._save()
                saved_s = elapsed_s
        self._save()
        self._write_log(measure())

    def _write_log(self, measured: Measured) -> None:
        """Add a line; after a kill the steps since the checkpoint come twice, and the later line counts."""
        progress = self.progress
        line = {"step": progress.step, "tokens": progress.tokens, "elapsed_s": round(progress.elapsed_s, 1)}
        rounded = {name: round(value, 4) for name, value in {"loss": progress.loss, **measured}.items()}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **rounded}) + "\n")

    def _timed_step(self) -> None:
        started = time.monotonic()
        before = self.progress
        ids, weights = batch(self._sampler.step(before.step), self._recipe.device)
        loss = self._step(ids, weights)
        smooth = SMOOTHING * before.loss + (1 - SMOOTHING) * loss if before.step else loss
        self.progress = replace(
            before,
            step=before.step + 1,
            tokens=before.tokens + ids.numel(),
            elapsed_s=before.elapsed_s + time.monotonic() - started,
            loss=smooth,
        )

    def _step(self, ids: Tensor, weights: Tensor) -> float:
        loss = weighted_loss(self.network, ids, weights)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.gradient_norm_max)
        scale = rate_share(self.progress.share(self._recipe), self._recipe.warmup_share)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * scale
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.item())

    def _save(self) -> None:
        """Write a checkpoint; a kill in the middle leaves the earlier one whole."""
        progress = self.progress
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "progress": (progress.step, progress.tokens, progress.elapsed_s, progress.loss),
        }
        fresh = self._checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self._checkpoint)

    def _restore(self) -> None:
        state: dict[str, Any] = torch.load(
            self._checkpoint, weights_only=True, map_location=self._recipe.device
        )
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(*state["progress"])


def build_optimizers(network: Network, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon (orthogonalised momentum) for the matrices of the blocks, AdamW for the rest."""
    matrices = [parameter for parameter in network.blocks.parameters() if parameter.ndim == 2]
    chosen = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in network.parameters() if id(parameter) not in chosen]
    muon = Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay)
    adam = torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def batch(rows: Sequence[Row], device: str) -> tuple[Tensor, Tensor]:
    """Return ids (rows, length) and target weights of the same shape."""
    ids = torch.tensor([row.tokens for row in rows], device=device)
    return ids, torch.tensor([row.weights for row in rows], device=device)


def weighted_loss(network: nn.Module, ids: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of the next tokens' negative log-likelihoods, in nats.

    Half precision is for GPUs: most processors compute it several times slower than single precision.
    """
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.device.type == "cuda"):
        logits = network(ids)[:, :-1]
    targets = ids[:, 1:].flatten()
    losses = nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets, reduction="none")
    shares = weights[:, 1:].flatten()
    return (losses * shares).sum() / shares.sum()


def weights_of(network: nn.Module) -> Weights:
    """Return the trained weights by the names they have in the network."""
    return {name: tensor.float().cpu().numpy() for name, tensor in network.state_dict().items()}


def weights_in(folder: Path) -> Weights:
    """Return the weights of the checkpoint in a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    state: dict[str, Any] = torch.load(folder / CHECKPOINT_FILE, weights_only=True, map_location="cpu")
    return {name: tensor.float().numpy() for name, tensor in state["network"].items()}
