"""What the instrument of tokenizers adds to `datasets.map(batched=True)`: a ratio of two runs in one process.

The clock is the processor time of this thread's process: other programs make a run late and not long.  Rounds
with and without a trace alternate, and the ratio is that of the fastest of each.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import tracelab

from ..models.words import PIECES, wordpiece

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
    run()
    bare, traced = [], []
    seen = 0
    for _ in range(rounds):
        bare.append(_took(run, contextlib.nullcontext()))
        trace = tracelab.trace()
        traced.append(_took(run, trace))
        seen = trace._trace.count("BertTokenizer.__call__")
    return min(traced) / min(bare) - 1, seen


def _took(run: Callable[[], Any], inside: contextlib.AbstractContextManager[Any]) -> float:
    began = time.process_time()
    with inside:
        run()
    return time.process_time() - began
