"""What stands in a tensor is read where that is allowed, and None is said where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tracelab.describe import best, last_ids, layers_of_cache, true_rows
from tracelab.describe.contents import MAX_ROWS

from ..attacks.zoo import HOSTILE, make_tensor
from .described import described

FLAGS = torch.tensor([True, False, True])


def test_rows_that_are_true() -> None:
    assert true_rows(FLAGS, waits=False) == (0, 2)
    assert true_rows(~FLAGS & FLAGS, waits=False) == ()


def test_the_last_ids_and_the_highest_scores() -> None:
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    assert last_ids(ids, 1) == ((7,), (10,))
    assert last_ids(ids, 64) == ((5, 6, 7), (8, 9, 10))
    scores = torch.tensor([[0.5, 2.0, -1.0], [float("-inf"), 0.0, 3.0]], requires_grad=True)
    assert best(scores, 2) == (((1, 2.0), (0, 0.5)), ((2, 3.0), (1, 0.0)))
    assert best(scores, 9) is not None  # fewer words than scores that were asked for
    many = torch.zeros(MAX_ROWS + 5, 2)
    assert len(best(many, 1) or ()) == MAX_ROWS
    assert len(last_ids(many.long(), 1) or ()) == MAX_ROWS


@pytest.mark.parametrize(
    "value", [torch.zeros(2, device="meta"), None, 3, True, "text", [True], make_tensor()]
)
def test_where_one_must_not_look(value: Any) -> None:
    assert true_rows(value, waits=True) is None
    assert best(value, 3) is None
    assert last_ids(value, 3) is None


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_values_are_asked_nothing(kind: str) -> None:
    from ..attacks import zoo

    value = HOSTILE[kind]()
    zoo.calls.clear()
    assert true_rows(value, waits=True) is None
    assert layers_of_cache(value) == ()
    assert zoo.calls == []


def test_shapes_that_make_no_sense() -> None:
    assert true_rows(torch.zeros(2, 2, dtype=torch.bool), waits=False) in ((), None)
    assert best(torch.zeros(()), 2) is None
    assert last_ids(torch.zeros(3), 1) is None


def test_modes_of_the_host_see_nothing() -> None:
    seen: list[str] = []

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    class Dispatches(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    scores = torch.rand(2, 4)
    with Functions():
        del seen[:]
        assert true_rows(FLAGS, waits=True) == (0, 2)
        assert best(scores, 1) is not None
        assert seen == []
    with Dispatches():
        assert true_rows(FLAGS, waits=True) is None  # our own reading would be seen
        assert best(scores, 1) is None
        assert seen == []


def test_inside_a_transform_and_without_gradients() -> None:
    found = []

    def look(row: torch.Tensor) -> torch.Tensor:
        found.append(best(row[None], 1))
        return row

    torch.func.vmap(look)(torch.rand(3, 4))
    assert found == [None]
    scores = torch.rand(1, 4, requires_grad=True)
    with torch.inference_mode():
        assert best(scores * 2, 1) is not None
    assert scores.grad is None


def test_layers_of_caches() -> None:
    from transformers import DynamicCache, EncoderDecoderCache

    def filled(length: int) -> DynamicCache:
        cache = DynamicCache()
        for layer in range(2):
            cache.update(torch.zeros(1, 3, length, 4), torch.zeros(1, 3, length, 4), layer)
        return cache

    alike = ((2, "DynamicLayer", (1, 3, 5, 4), (1, 3, 5, 4), "float32", 4, 5, None),)
    assert layers_of_cache(filled(5)) == alike
    assert layers_of_cache(EncoderDecoderCache(filled(5), filled(9))) == alike
    assert layers_of_cache(DynamicCache()) == ()
    assert layers_of_cache(None) == ()


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_layouts_that_have_no_highest_element() -> None:
    assert best(torch.sparse_coo_tensor((2, 3)), 1) is None


def test_the_numbers_of_a_size_are_kept_and_of_a_tuple_are_not() -> None:
    size = torch.ones(2, 3).shape
    assert str(described(size)) == "Size(2, 3)"
    assert described(size)[1].value == 3
    assert str(described((2, 3))) == "tuple(int, int)"
    assert str(described(torch.Size([]))) == "Size()"
    assert str(described({"shape": torch.ones(7).shape})) == "dict{shape: Size(7)}"
