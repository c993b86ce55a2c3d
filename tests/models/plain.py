"""Modules without any library on top: what a user writes, and what torch brings."""

from __future__ import annotations

import torch
from torch import nn

from .base import Architecture


class Block(nn.Module):
    """A residual block that takes its input by keyword only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)

    def forward(self, *, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + torch.relu(self.linear(self.norm(hidden)))


class Handmade(nn.Module):
    """Two blocks, the second of them used twice, and a dictionary as output."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(8), Block(8)])
        self.head = nn.Linear(8, 3)

    def forward(self, features: torch.Tensor, scale: float = 1.0) -> dict[str, torch.Tensor]:
        hidden = self.blocks[0](hidden=features * scale)
        for _ in range(2):
            hidden = self.blocks[1](hidden=hidden)
        return {"scores": self.head(hidden)}


def torch_encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), num_layers=2)


PARTS = ("self_attn", "linear1", "linear2", "dropout", "dropout1", "dropout2", "norm1", "norm2")

PLAIN = (
    Architecture(
        name="handmade",
        make=Handmade,
        feed=lambda: {"features": torch.randn(2, 5, 8), "scale": 0.5},
        # root; 3 runs of a block (itself, norm, linear); head: 1 + 3*3 + 1 = 11
        calls=1 + 3 * 3 + 1,
        layers=("Block", 3),
        output=("scores", (2, 5, 3)),
        paths=("", "blocks.0.norm", "blocks.1.linear", "head"),
    ),
    Architecture(
        name="torch_encoder",
        make=torch_encoder,
        feed=lambda: {"src": torch.randn(2, 5, 16)},
        # In eval mode under no_grad each layer runs one fused kernel and calls no module of its own, unless a
        # hook is registered inside: root + 2 layers = 3.  A tracer that changes this changes the program.
        calls=1 + 2,
        layers=("TransformerEncoderLayer", 2),
        output=("", (2, 5, 16)),
        paths=("layers.0", "layers.1"),
        silent=tuple(f"layers.{i}.{part}" for i in (0, 1) for part in (*PARTS, "self_attn.out_proj")),
    ),
)
