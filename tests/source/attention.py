"""An attention of plain lists, to be listed: what it binds is easy to derive, and it has all that is folded."""

# fmt: off
# ruff: noqa
# mypy: ignore-errors
from __future__ import annotations


class Attention:
    def __init__(self, heads=2, size=8):
        self.heads = heads
        self.size = size

    def forward(
        self,
        hidden,
        # what was kept of the steps before
        cache=None,
        *,
        window=None,
    ):
        """From hidden states to what they attend to.

        A list of numbers stands for a tensor of that shape.
        """
        batch, tokens, width = hidden
        query = [batch, self.heads, tokens, self.size]

        # A cache makes keys longer than queries:
        # what was seen before stays in it.
        length = tokens
        if cache is not None:
            length = cache[2] + tokens
        keys = [batch, self.heads, length, self.size]
        if window is not None:
            # only so many are seen
            length = min(window,
                         length)
            keys = [batch, self.heads, length, self.size]
            skipped = keys[2] - length
        for head in range(self.heads):
            scores = [batch, tokens, length]
        output = self.project(
            hidden,
            keys,
            query,
        )
        return output

    def project(self, hidden, keys, query):
        return hidden
