"""A tensor of every kind that torch has, with what must be said of it.

`TENSORS` has for each kind a maker and the text of its spec; the text was derived by hand from how the maker
makes it.  `?` stands where torch itself knows no shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Made = tuple[Callable[[], Any], str]


def jagged() -> Any:
    """Two rows of one and of two tokens: the middle size has no number."""
    rows = [torch.ones(1, 3), torch.ones(2, 3)]
    return torch.nested.nested_tensor(rows, layout=torch.jagged)


def strided_nested() -> Any:
    """The older kind, which has no shape at all."""
    return torch.nested.nested_tensor([torch.ones(1, 3), torch.ones(2, 3)])


def fake() -> Any:
    """A tensor that claims a terabyte and holds nothing."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.empty(2**20, 2**18)


def inside(transform: Callable[..., Any], value: Any) -> Any:
    """The tensor that a function sees under a transform; it stays what it is, but its level has ended."""
    seen: list[Any] = []

    def function(x: Any) -> Any:
        seen.append(x)
        return x.sum()

    transform(function)(value)
    return seen[0]


@contextmanager
def distributed() -> Iterator[Any]:
    """A tensor that is spread over two ranks, of which only this one exists."""
    from torch import distributed as group
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor
    from torch.testing._internal.distributed.fake_pg import FakeStore

    group.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        yield distribute_tensor(torch.ones(4, 3), init_device_mesh("cpu", (2,)), [Shard(0)])
    finally:
        group.destroy_process_group()


def quantised() -> Any:
    return torch.quantize_per_tensor(torch.ones(2, 3), 0.5, 1, torch.quint8)


def per_channel() -> Any:
    return torch.quantize_per_channel(torch.ones(2, 3), torch.ones(2), torch.zeros(2), 0, torch.qint8)


def dual() -> Any:
    import torch.autograd.forward_ad as forward

    with forward.dual_level():
        return forward.make_dual(torch.ones(2, 3), torch.ones(2, 3))


def inference() -> Any:
    with torch.inference_mode():
        return torch.ones(2, 3)


class Plain(torch.Tensor):
    """A subclass without code of its own."""


def subclass(wrapped: Any = None) -> Any:
    return torch.Tensor._make_subclass(Plain, torch.ones(2, 3) if wrapped is None else wrapped)


TENSORS: dict[str, Made] = {
    "plain": (lambda: torch.ones(2, 3), "f32[2,3]"),
    "zero dimensions": (lambda: torch.tensor(1.0), "f32[]"),
    "no elements": (lambda: torch.ones(0, 3), "f32[0,3]"),
    "complex": (lambda: torch.ones(2, 3, dtype=torch.complex64), "c64[2,3]"),
    "conjugated": (lambda: torch.ones(2, 3, dtype=torch.complex64).conj(), "c64[2,3]"),
    "negated": (lambda: torch.ones(2, dtype=torch.complex64).conj().imag, "f32[2]"),
    "boolean": (lambda: torch.ones(2, 3, dtype=torch.bool), "bool[2,3]"),
    "eight bits": (lambda: torch.ones(2, 3).to(torch.float8_e4m3fn), "float8_e4m3fn[2,3]"),
    "expanded": (lambda: torch.ones(1, 3).expand(10**15, 3), "f32[1000000000000000,3]"),
    "overlapping": (lambda: torch.ones(10**6).unfold(0, 10**5, 1), "f32[900001,100000]"),
    "many dimensions": (lambda: torch.ones([1] * 60), f"f32[{','.join(['1'] * 60)}]"),
    "sparse coo": (lambda: torch.eye(3).to_sparse(), "f32[3,3]"),
    "sparse ids": (lambda: torch.eye(3, dtype=torch.int64).to_sparse(), "i64[3,3]"),
    "huge sparse": (
        lambda: torch.sparse_coo_tensor([[5]], [1.0], (2**40,), check_invariants=False),
        f"f32[{2**40}]",
    ),
    "sparse csr": (lambda: torch.eye(4).to_sparse_csr(), "f32[4,4]"),
    "sparse csc": (lambda: torch.eye(4).to_sparse_csc(), "f32[4,4]"),
    "sparse bsr": (lambda: torch.eye(4).to_sparse_bsr((2, 2)), "f32[4,4]"),
    "mkldnn": (lambda: torch.ones(2, 3).to_mkldnn(), "f32[2,3]"),
    "quantised": (quantised, "quint8[2,3]"),
    "quantised by channel": (per_channel, "qint8[2,3]"),
    "meta": (lambda: torch.ones(2, 3, device="meta"), "f32[2,3]@meta"),
    "huge meta": (lambda: torch.empty(2**40, 2**20, device="meta"), f"f32[{2**40},{2**20}]@meta"),
    "fake": (fake, f"FakeTensor:f32[{2**20},{2**18}]"),
    "nested": (strided_nested, "f32[?]"),
    "vmap": (lambda: inside(torch.func.vmap, torch.ones(4, 2, 3)), "f32[2,3]"),
    "vmap ids": (lambda: inside(torch.func.vmap, torch.ones(4, 2, dtype=torch.int64)), "i64[2]"),
    "grad": (lambda: inside(torch.func.grad, torch.ones(2, 3)), "f32[2,3]"),
    "dual": (dual, "f32[2,3]"),
    "inference": (inference, "f32[2,3]"),
    "functional": (lambda: torch._to_functional_tensor(torch.ones(2, 3)), "f32[2,3]"),
    "parameter": (lambda: nn.Parameter(torch.ones(2, 3)), "f32[2,3]"),
    "buffer": (lambda: nn.Buffer(torch.ones(2, 3)), "f32[2,3]"),
    "lazy parameter": (nn.UninitializedParameter, "UninitializedParameter:f32[?]"),
    "lazy buffer": (nn.UninitializedBuffer, "UninitializedBuffer:f32[?]"),
    "subclass": (subclass, "Plain:f32[2,3]"),
    "subclass of a sparse one": (lambda: subclass(torch.eye(3).to_sparse()), "Plain:f32[3,3]"),
}
