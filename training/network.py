"""The network: a small decoder of llama.cpp's `llama` architecture."""

# mypy: disallow-subclassing-any=False
# Type checks run without torch, so that nn.Module is not known to them.

import torch
from torch import Tensor, nn

from training.recipe import Recipe


class Network(nn.Module):
    """A decoder whose input and output embeddings are one table."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.embedding = nn.Embedding(recipe.ingredients.vocabulary, recipe.width)
        self.blocks = nn.ModuleList(Block(recipe) for _ in range(recipe.layers))
        self.norm = nn.RMSNorm(recipe.width, recipe.norm_epsilon)
        self.register_buffer("rotation", rotations(recipe), persistent=False)
        self._initialise(recipe)

    def forward(self, ids: Tensor) -> Tensor:
        """Map token ids (rows, length) to logits (rows, length, vocabulary)."""
        rotation = self.get_buffer("rotation")[: ids.shape[1]]
        hidden = self.embedding(ids)
        for block in self.blocks:
            hidden = block(hidden, rotation)
        return nn.functional.linear(self.norm(hidden), self.embedding.weight)

    def _initialise(self, recipe: Recipe) -> None:
        nn.init.normal_(self.embedding.weight, std=0.02)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("output.weight", "down.weight")):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=recipe.width**-0.5)


class Block(nn.Module):
    """Causal attention, then a gated feed-forward layer, each on a normalised residual."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        width, inner = recipe.width, recipe.feed_forward
        self.heads = recipe.heads
        self.attention_norm = nn.RMSNorm(width, recipe.norm_epsilon)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.RMSNorm(width, recipe.norm_epsilon)
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor, rotation: Tensor) -> Tensor:
        """Map hidden states (rows, length, width) to the next layer's."""
        hidden = hidden + self._attend(self.attention_norm(hidden), rotation)
        normed = self.feed_norm(hidden)
        change: Tensor = self.down(nn.functional.silu(self.gate(normed)) * self.up(normed))
        return hidden + change

    def _attend(self, hidden: Tensor, rotation: Tensor) -> Tensor:
        shape = (*hidden.shape[:2], self.heads, -1)
        layers = (self.query, self.key, self.value)
        query, key, value = (layer(hidden).view(shape).transpose(1, 2) for layer in layers)
        query, key = rotate(query, rotation), rotate(key, rotation)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        attended: Tensor = self.output(mixed.transpose(1, 2).reshape(hidden.shape))
        return attended


def rotations(recipe: Recipe) -> Tensor:
    """Return cosines and sines (context, head width / 2, 2) of the rotary positions."""
    head_width = recipe.width // recipe.heads
    frequencies = recipe.rope_base ** (-torch.arange(0, head_width, 2) / head_width)
    angles = torch.outer(torch.arange(recipe.context_tokens), frequencies)
    return torch.stack((angles.cos(), angles.sin()), dim=-1)


def rotate(heads: Tensor, rotation: Tensor) -> Tensor:
    """Turn neighbouring pairs (2i, 2i + 1): llama.cpp's order, so the export permutes nothing."""
    even, odd = heads[..., 0::2], heads[..., 1::2]
    cosine, sine = rotation[..., 0].to(heads.dtype), rotation[..., 1].to(heads.dtype)
    turned = (even * cosine - odd * sine, even * sine + odd * cosine)
    return torch.stack(turned, dim=-1).flatten(-2)
