"""What lines cost: the budgets, and a try of the program that measures them."""

from __future__ import annotations

import pytest

from .linewise import main, measured, microseconds_a_line


@pytest.mark.bench
def test_one_function_of_two_hundred_costs_less_than_a_third() -> None:
    took = measured(40, rounds=15)
    assert took["tracelab, source= of one"] < 1.3 * took["tracelab"]
    assert microseconds_a_line(took, 40) < 15
    assert took["tracelab, source= of one"] < took["hunter, its own printer"]


def test_the_program_that_measures_it_runs() -> None:
    took = measured(1, rounds=1)
    assert {"not traced", "tracelab", "tracelab, source= of one", "hunter, its own printer"} <= set(took)
    assert microseconds_a_line(took, 1) > 0
    assert callable(main)
