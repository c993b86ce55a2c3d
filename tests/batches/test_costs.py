"""What the trace of a `map` costs: 10,000 rows in ten batches, with and without a trace in one run."""

from __future__ import annotations

from statistics import median
from time import process_time
from typing import Any

import pytest

import tracelab

from .rows import tokenizer

datasets = pytest.importorskip("datasets")

ROUNDS = 9


@pytest.mark.bench
def test_a_map_costs_less_than_two_per_cent_more() -> None:
    words = tokenizer()
    table = datasets.Dataset.from_dict(
        {"text": ["the cat sat on the mat unseen cats " * (1 + n % 5) for n in range(10_000)]}
    )
    datasets.disable_progress_bars()

    def once(number: int) -> float:
        begun = process_time()
        table.map(lambda batch: words(batch["text"]), batched=True, new_fingerprint=f"{number:016x}")
        return process_time() - begun

    def traced(number: int) -> tuple[float, Any]:
        with tracelab.trace() as trace:
            taken = once(number)
        return taken, trace

    once(0)
    ratios = []
    for number in range(ROUNDS):
        before, (during, trace), after = once(3 * number + 1), traced(3 * number + 2), once(3 * number + 3)
        ratios.append(2 * during / (before + after))
        assert trace.find("Dataset.map")[0].facts["batches"] == 10
    datasets.enable_progress_bars()
    assert median(ratios) < 1.02, ratios
