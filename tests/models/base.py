"""What is known of an architecture before anything has run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Generation:
    """Facts about one `generate` of `new` tokens.

    `before` module calls come ahead of the first step (an encoder that `generate` calls itself);
    `prefill` and `decode` count the module calls of one step; `prompt` is the length of the first step.
    """

    new: int
    prompt: int
    prefill: int
    decode: int
    before: int = 0
    inputs: Callable[[], dict[str, Any]] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """All module calls: what comes before, one prefill step, and a decode step for each further token."""
        return self.before + self.prefill + (self.new - 1) * self.decode


@dataclass(frozen=True)
class Architecture:
    """One model and the hand-derived facts of one forward pass over `inputs()`.

    `calls`: module calls in all.  `layers`: the class that repeats, and how often it runs.  `output`:
    field ("" for a bare tensor) and shape of the main output.  `paths`: some modules that do run.
    `silent`: modules that exist but are never called, because their weights are used directly.
    `unplaced`: calls of modules that the code makes anew in each forward, so they have no path.
    `gaps`: modules whose `forward` is called directly; their children run, they themselves do not show.
    """

    name: str
    make: Callable[[], nn.Module]
    feed: Callable[[], dict[str, Any]]
    calls: int
    layers: tuple[str, int]
    output: tuple[str, tuple[int, ...]]
    paths: tuple[str, ...]
    silent: tuple[str, ...] = ()
    unplaced: int = 0
    gaps: tuple[str, ...] = ()
    generation: Generation | None = None

    def build(self) -> nn.Module:
        """The model in eval mode, the same weights each time; the caller's random state is not touched."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.make().eval()

    def inputs(self) -> dict[str, Any]:
        """Keyword arguments for one forward pass, the same each time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return self.feed()

    def generate_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `generate` that give exactly `generation.new` tokens."""
        assert self.generation is not None, f"{self.name} does not generate"
        feed = self.generation.inputs or self.feed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            given = feed()
        # No end token: a random model would stop where it likes.
        return {
            **given,
            "do_sample": False,
            "max_new_tokens": self.generation.new,
            "eos_token_id": None,
            **self.generation.options,
        }


def ids(*shape: int, high: int = 60) -> torch.Tensor:
    """Random token ids that avoid the small numbers which configs use for special tokens."""
    return torch.randint(5, high, shape)


def ones(*shape: int) -> torch.Tensor:
    """An attention mask that hides nothing."""
    return torch.ones(*shape, dtype=torch.long)
