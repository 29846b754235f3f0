"""Muon: momentum whose every direction is given the same length, for the matrices of the network.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). PyTorch has the
same in `torch.optim.Muon`, always in bfloat16: forty times slower on a processor without instructions for it.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# Type checks run without torch.

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
MOMENTUM = 0.95


class Muon(torch.optim.Optimizer):
    """Updates of about the size that AdamW's have at the same rate."""

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Move each matrix along its orthogonalised momentum."""
        for group in self.param_groups:
            for matrix in group["params"]:
                state = self.state[matrix]
                momentum = state.setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonalised(matrix.grad.lerp(momentum, MOMENTUM))
                size = 0.2 * max(matrix.shape) ** 0.5
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * size)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return a matrix of the same directions, all its singular values near 1, by Newton-Schulz iteration."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    result = matrix.T if is_tall else matrix
    result = result / (result.norm() + 1e-7)
    first, second, third = QUINTIC
    for _ in range(ITERATIONS):
        square = result @ result.T
        mixed = torch.addmm(square, square, square, beta=second, alpha=third)
        result = torch.addmm(result, mixed, result, beta=first)
    return result.T if is_tall else result
