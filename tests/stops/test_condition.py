"""When to stop."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

import tracelab
from tracelab.errors import SetupError
from tracelab.stops import Condition, Place

NAN = torch.tensor([1.0, float("nan")])
INF = torch.tensor([1.0, float("inf")])
X = torch.ones(2, 3)


def holds(when: Any, **names: Any) -> bool:
    return Condition(when).holds(names)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (None, True),
        ("x.shape[1] == 3", True),
        ("shape(x) == (2, 3)", True),
        ("dtype(x) == 'float32'", True),
        ("dtype(x) == 'bfloat16'", False),
        ("nan(x)", False),
        ("nan(bad)", True),
        ("nan()", True),
        ("inf(more)", True),
        ("n == 3 and len(more) == 2", True),
        (lambda names: names["n"] > 3, False),
    ],
)
def test_what_holds(when: Any, expected: bool) -> None:
    assert holds(when, x=X, bad=NAN, n=3, more={"deep": [INF], "ids": torch.ones(1).long()}) is expected


def test_infinities_of_all_parameters() -> None:
    assert holds("inf()", x=X, more={"deep": [INF]}) is True
    assert holds("inf()", x=X, n=1) is False


def test_at_the_end_the_output_is_asked() -> None:
    assert Condition("nan(output)").at_end and Condition("error").at_end
    assert not Condition("nan(x)").at_end
    assert holds("nan()", x=NAN, output=X) is False
    assert holds("nan()", x=X, output=(NAN, None)) is True
    assert Condition(lambda names: True, at_end=True).at_end


def test_an_expression_that_fails_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    condition = Condition("x.nothing > 3")
    with caplog.at_level(logging.WARNING, "tracelab"):
        assert [condition.holds({"x": X}) for _ in range(3)] == [False] * 3
    (message,) = [record.getMessage() for record in caplog.records]
    assert "a breakpoint's condition fails and counts as false: x.nothing > 3: AttributeError" in message


@pytest.mark.parametrize("when", ["3 +", "x = 3", "", 3, "\0"])
def test_what_is_no_condition(when: Any) -> None:
    with pytest.raises(SetupError, match="when=") as error:
        tracelab.breakpoint("forward", when=when)
    assert "\n" not in str(error.value)


# --- where ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "step", "expected"),
    [
        ("forward", None, ("forward", None)),
        ("model.layers.3@4", None, ("model.layers.3", 4)),
        ("a.b@first", None, ("a.b@first", None)),
        ("a.b", 0, ("a.b", 0)),
    ],
)
def test_places(pattern: str, step: int | None, expected: tuple[str, int | None]) -> None:
    place = Place.parse(pattern, step)
    assert (str(place.choice), place.step) == expected


@pytest.mark.parametrize(("pattern", "step"), [("", None), (3, None), ("a", -1), ("a", "2"), ("a", True)])
def test_what_is_no_place(pattern: Any, step: Any) -> None:
    with pytest.raises(SetupError, match="is not possible") as error:
        tracelab.breakpoint(pattern, step)
    assert "\n" not in str(error.value)
