"""`datasets.map(batched=True)` under a trace: the budget, and a try of the program that measures it."""

from __future__ import annotations

import pytest

from .maps import OPTIONS, added_by_a_trace, mapping


@pytest.mark.bench
@pytest.mark.parametrize("name", OPTIONS)
def test_tokenizing_ten_thousand_rows_costs_less_than_two_per_cent(name: str) -> None:
    added, calls = added_by_a_trace(mapping(10_000, OPTIONS[name]), rounds=12)
    assert calls == 10  # batches of 1,000
    assert added < 0.02


@pytest.mark.parametrize("name", OPTIONS)
def test_the_program_that_measures_it_runs(name: str) -> None:
    added, calls = added_by_a_trace(mapping(50, OPTIONS[name]), rounds=1)
    assert calls == 1
    assert added > -1
