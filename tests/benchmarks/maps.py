"""What the instrument of tokenizers adds to `datasets.map(batched=True)`: a ratio of two runs in one process.

Beginning and ending the trace is part of what it costs; reading it is not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

import tracelab

from ..models.words import PIECES, wordpiece
from .measure import ratios, rounds_of

WORDS = [word for word in PIECES if word.isalpha()]
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cut and padded": {"truncation": True, "max_length": 32, "padding": "max_length"},
}

_numbers = count()


def mapping(rows: int, options: dict[str, Any]) -> Callable[[], Any]:
    """A `map` that tokenizes so many rows of 5 to 60 words in batches of 1,000, and caches nothing."""
    import datasets

    datasets.disable_progress_bars()
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(5, 60))) for _ in range(rows)]
    table, tokenizer = datasets.Dataset.from_dict({"text": texts}), wordpiece()

    def run() -> Any:
        return table.map(
            lambda batch: tokenizer(batch["text"], **options),
            batched=True,
            load_from_cache_file=False,
            keep_in_memory=True,
            new_fingerprint=f"run{next(_numbers)}",
        )

    return run


def added_by_a_trace(run: Callable[[], Any], rounds: int) -> tuple[float, int]:
    """By which share `run` takes longer inside a trace, and the calls of the tokenizer in it."""
    seen: list[int] = []

    def traced() -> None:
        with tracelab.trace() as trace:
            run()
        seen.append(len(trace.find("BertTokenizer.__call__")) if not seen else seen[0])

    run()
    traced()
    taken = rounds_of({"bare": run, "traced": traced}, rounds)
    return median(ratios(taken, "traced", "bare")) - 1, seen[0]
