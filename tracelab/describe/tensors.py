"""Tensors and arrays: shape, dtype and device; with the options also statistics and small values.

Attributes are read through torch's own C descriptors with `__torch_function__` switched off, so that
neither a tensor subclass nor a mode of the host notices.  A size is kept as an int only when it is exactly
an int: `int()` of a symbolic size would specialise the host's graph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from ..values import Dim, Scalar, TensorSpec
from .reflection import class_name, home, mro_of
from .stats import stats_of
from .subclasses import Asked, unasked

Value = TypeVar("Value")

MAX_VALUES = 256
"""Integer and boolean tensors up to this many elements are kept whole with `values=True`."""


def from_key(key: tuple[Any, ...]) -> TensorSpec:
    """The spec of a plain tensor from the (shape, dtype, device) that it was interned by."""
    shape, dtype, device = key
    return TensorSpec(tuple(shape), _name(dtype), str(device))


def tensor_spec(value: Any, *, stats: bool, values: bool) -> TensorSpec:
    """The spec of any tensor: nested, sparse, symbolic, a subclass."""
    torch: Any = sys.modules["torch"]
    base = torch._C.TensorBase
    cls = type(value)
    with torch._C.DisableTorchFunction():
        plain = cls is torch.Tensor or cls is torch.nn.Parameter
        readable = is_readable(value)
        return TensorSpec(
            ("?",) if _is_unmaterialised(cls) else shape_of(value) or _no_shape(value),
            _name(base.dtype.__get__(value)),
            _device(value),
            stats=_unless_it_raises(stats_of, value) if stats and readable else None,
            type="Tensor" if plain else class_name(cls),
            values=_unless_it_raises(_small_values, value) if values and readable else None,
        )


def is_readable(value: Any) -> bool:
    """Whether its elements can be looked at without any code of the host's: no subclass, no dispatch mode.

    To be asked where `__torch_function__` is switched off.
    """
    torch: Any = sys.modules["torch"]
    if type(value) is not torch.Tensor and type(value) is not torch.nn.Parameter:
        return False
    return not torch._C.TensorBase.is_meta.__get__(value) and not torch._C._len_torch_dispatch_stack()


def shape_of(value: Any) -> tuple[Dim, ...]:
    """The shape of a tensor, `()` for a value that is none or has none (a strided nested tensor)."""
    torch: Any = sys.modules["torch"]
    try:
        with torch._C.DisableTorchFunctionSubclass():
            sizes = unasked(value, torch._C.TensorBase.shape.__get__)
            return tuple([_dim(size) for size in sizes])
    except Exception:
        return ()


def _no_shape(value: Any) -> tuple[Dim, ...]:
    """`()` for a tensor without dimensions, `?` for one whose shape cannot be told."""
    try:
        return () if unasked(value, sys.modules["torch"]._C.TensorBase.ndim.__get__) == 0 else ("?",)
    except Exception:
        return ("?",)


def _device(value: Any) -> str:
    """The device of a tensor, `?` where its class would have to be asked."""
    try:
        return str(unasked(value, sys.modules["torch"]._C.TensorBase.device.__get__))
    except Asked:
        return "?"


def _is_unmaterialised(cls: type) -> bool:
    """Whether it is a lazy parameter, whose shape is not known before the first call."""
    return any(home(base) == ("torch.nn.parameter", "UninitializedTensorMixin") for base in mro_of(cls))


def array_spec(value: Any) -> TensorSpec:
    """The spec of a numpy array."""
    numpy: Any = sys.modules["numpy"]
    shape = tuple([_dim(size) for size in numpy.ndarray.shape.__get__(value)])
    dtype = numpy.ndarray.dtype.__get__(value)
    # A structured one has names and a class of the host's in it, and is as long as it likes.
    name = str(dtype) if dtype.fields is None and dtype.subdtype is None else f"void{8 * dtype.itemsize}"
    return TensorSpec(shape, name, type=class_name(type(value)))


def counter(tensor: Any) -> int | None:
    """The value of a one-element counter tensor, where reading it costs no synchronisation.

    Static caches count in a tensor.  On an accelerator reading it would make the host wait, and under a
    dispatch mode of the host our read would be seen, so there it stays unknown.
    """
    torch: Any = sys.modules["torch"]
    if (
        type(tensor) is not torch.Tensor
        or tensor.device.type != "cpu"
        or torch._C._len_torch_dispatch_stack()
    ):
        return None
    return int(tensor.item())


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _dim(size: Any) -> Dim:
    return size if type(size) is int else str(size)


def _unless_it_raises(read: Callable[[Any], Value], tensor: Any) -> Value | None:
    """What `read` says of a tensor; None where its layout or a transform of the host forbids to look."""
    try:
        return read(tensor)
    except Exception:
        return None


def _small_values(tensor: Any) -> tuple[Scalar, ...] | None:
    if tensor.is_floating_point() or tensor.is_complex() or tensor.numel() > MAX_VALUES:
        return None
    return tuple(tensor.detach().reshape(-1).tolist())
