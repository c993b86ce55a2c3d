"""Live value to spec: never raises, never keeps the value, runs no code of the value's class.

`Describer.see(value)` returns a small int, the number of the spec in the describer's table.  Equal specs
have the same number, so a value that was seen before costs one dictionary lookup and no new object.
The common cases (tensors, None, flags, tuples) are tested by identity of their exact type; everything
else is classified once for each class by its MRO and remembered.

What makes this careful:

* `type(value)` is asked, never `value.__class__`, `isinstance` or `hasattr`, which the class can answer
  with code of its own.  Attributes are read from the instance dictionary through the C descriptors.
* Classes are remembered by `id` with a weak reference, because hashing a class may run its metaclass.
* Reading a tensor's shape under a `TorchFunctionMode` of the host would call that mode, so torch
  functions are switched off while it reads.
* A dimension is kept as an int only when it is exactly an int: `int()` of a symbolic size would
  specialise the host's graph.
* Containers are cut after MAX_ITEMS items, MAX_DEPTH levels and MAX_PARTS values in all.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterable
from itertools import count
from types import GetSetDescriptorType
from typing import Any, Generic, TypeVar

from .events import Signature
from .values import (
    CacheSpec,
    ContainerSpec,
    Dim,
    Key,
    ObjectSpec,
    Scalar,
    ScalarSpec,
    Spec,
    TensorSpec,
    TensorStats,
    UnreadableSpec,
)

MAX_ITEMS = 64
MAX_DEPTH = 6
MAX_PARTS = 512
MAX_TEXT = 200
MAX_VALUES = 256

Row = TypeVar("Row")
Reader = Callable[[Any, int, list[int]], int]

mro_of = type.__dict__["__mro__"].__get__
dict_of_class = type.__dict__["__dict__"].__get__
_name_of_class = type.__dict__["__name__"].__get__
_HOME = os.path.join(os.path.expanduser("~"), "").rstrip(os.sep) + os.sep
_SCALARS = (type(None), bool, int, float, str)


class Table(Generic[Row]):
    """Interned rows: equal keys give the same number.

    Threads append without a lock: `next(count)` and a dictionary store are atomic.  Two threads that meet
    the same new key at the same moment may store the row twice, which costs a row and nothing else.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.rows: dict[int, Row] = {}
        self._next = count()

    def add(self, key: Any, row: Row) -> int:
        """Store a new row under `key` and return its number."""
        number = next(self._next)
        self.rows[number] = row
        self.numbers[key] = number
        return number

    def number(self, row: Row) -> int:
        """The number of a row that is its own key."""
        known = self.numbers.get(row)
        return self.add(row, row) if known is None else known

    def listed(self, missing: Row) -> list[Row]:
        """All rows by number; `missing` stands for one that another thread is just storing."""
        size = max(self.rows, default=-1) + 1
        return [self.rows.get(number, missing) for number in range(size)]


def class_name(cls: type) -> str:
    """The name of a class, read past its metaclass."""
    return str.__str__(_name_of_class(cls))


def dict_getter(cls: type) -> Callable[[Any], dict[str, Any]]:
    """What reads the instance dictionary of objects of `cls` without running code of theirs."""
    for base in mro_of(cls):
        found = dict_of_class(base).get("__dict__")
        if found is not None:
            return found.__get__ if type(found) is GetSetDescriptorType else _no_dict
    return _no_dict


def instance_dict(value: object) -> dict[str, Any]:
    """The instance dictionary of any object, past whatever its class defines; empty if it has none."""
    return dict_getter(type(value))(value)


def _no_dict(value: object) -> dict[str, Any]:
    return {}


def file_name(path: str) -> str:
    """A source file as it is kept: the user's home directory is private and becomes `~`."""
    return "~" + os.sep + path[len(_HOME) :] if len(_HOME) > 1 and path.startswith(_HOME) else path


def home(cls: type) -> tuple[str, str]:
    """Module and name of a class: `("torch", "Tensor")`."""
    module = dict_of_class(cls).get("__module__")
    return (module if type(module) is str else ""), class_name(cls)


class Describer:
    """Reduces values to interned specs; one for each recording."""

    def __init__(self, *, values: bool = False, stats: bool = False) -> None:
        self.specs: Table[Spec] = Table()
        self.signatures: Table[Signature] = Table()
        self._keep_values = values
        self._keep_stats = stats
        self._readers: dict[int, tuple[Reader, Any]] = {}
        self._dict_readers: dict[int, tuple[Callable[[Any], dict[str, Any]], Any]] = {}
        self._tensor_type: Any = None
        self._modes: Callable[[], int] = lambda: 0
        self._guard: Any = None
        self._none = self.specs.number(ScalarSpec("NoneType"))
        self.learn_torch()

    def learn_torch(self) -> None:
        """Remember torch's types, once torch is loaded; called again when it arrives during a trace."""
        torch: Any = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "_C") or not hasattr(torch, "nn"):
            return
        if not self._keep_stats and not self._keep_values:
            self._tensor_type = torch.Tensor
        self._modes = torch._C._len_torch_function_stack
        self._guard = torch._C.DisableTorchFunction

    # --- a whole call ---------------------------------------------------------------------------

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """The number of the signature of a call made with `args` and `kwargs`."""
        if self._modes():
            with self._guard():
                return self._signature(args, kwargs)
        return self._signature(args, kwargs)

    def _signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        # The same spec ids under the same names are the same signature: a flat tuple is its key.
        key: Any = (len(args), *kwargs, *self._numbers(args), *self._numbers(kwargs.values()))
        number = self.signatures.numbers.get(key)
        if number is not None:
            return number
        specs = key[1 + len(kwargs) :]
        keywords = zip([str.__str__(name) for name in kwargs], specs[len(args) :], strict=True)
        return self.signatures.add(key, Signature(specs[: len(args)], tuple(keywords)))

    def error_name(self, error: BaseException) -> str:
        """The type of an exception; with its message only where values are kept."""
        kind = class_name(type(error))
        args = BaseException.__dict__["args"].__get__(error)
        if not self._keep_values or not args or type(args[0]) is not str:
            return kind
        return f"{kind}: {args[0][:MAX_TEXT]}"

    def see(self, value: Any) -> int:
        """The number of the spec of one value."""
        if self._modes():
            with self._guard():
                return self._numbers((value,))[0]
        return self._numbers((value,))[0]

    def _numbers(self, values: Iterable[Any], depth: int = 0) -> list[int]:
        """The spec numbers of several values: the hot loop, with the common cases in line."""
        known = self.specs.numbers
        tensor = self._tensor_type
        found = []
        for value in values:
            cls = type(value)
            if cls is tensor:
                try:
                    number = known.get((value.shape, value.dtype, value.device))
                    if number is None:
                        number = self._plain_tensor(value)
                except Exception:  # nested or symbolic: read attribute by attribute
                    number = self._any(value, depth, [MAX_PARTS])
            elif value is None:
                number = self._none
            elif cls is tuple and depth < 2 and len(value) <= 8:
                parts = (tuple, *self._numbers(value, depth + 1))
                number = known.get(parts)
                if number is None:
                    number = self._plain_tuple(parts)
            else:
                number = self._any(value, depth, [MAX_PARTS])
            found.append(number)
        return found

    def _plain_tensor(self, value: Any) -> int:
        return self.specs.add((value.shape, value.dtype, value.device), self._tensor_spec(value, type(value)))

    def _plain_tuple(self, parts: tuple[Any, ...]) -> int:
        fields = tuple([(at, self.specs.rows[number]) for at, number in enumerate(parts[1:])])
        return self.specs.add(parts, ContainerSpec("tuple", fields, len(fields)))

    # --- any value ------------------------------------------------------------------------------

    def _any(self, value: Any, depth: int, left: list[int]) -> int:
        """Describe through the reader of the value's class; `left` counts down the values still allowed."""
        left[0] -= 1
        try:
            cls = type(value)
            known = self._readers.get(id(cls))
            reader = known[0] if known is not None else self._learn(cls)
            return reader(value, depth, left)
        except Exception as error:
            return self.specs.number(UnreadableSpec(class_name(type(error))))

    def _learn(self, cls: type) -> Reader:
        reader = self._reader_for(cls)
        key = id(cls)
        readers = self._readers
        # The reference keeps the entry honest: it goes when the class goes, before the id is used again.
        readers[key] = (reader, weakref.ref(cls, lambda _: readers.pop(key, None)))
        return reader

    def _reader_for(self, cls: type) -> Reader:
        homes = [home(base) for base in mro_of(cls)]
        if any(cls is scalar for scalar in _SCALARS):
            return self._scalar if self._keep_values and cls is not type(None) else self._constant(ScalarSpec(cls.__name__))
        if ("torch", "Tensor") in homes:
            return self._tensor
        if ("numpy", "ndarray") in homes:
            return self._array
        if ("transformers.cache_utils", "Cache") in homes:
            return self._cache
        if any(base is dict for base in mro_of(cls)):
            return self._mapping
        if ("collections", "UserDict") in homes:
            return self._user_dict
        if any(base is tuple or base is list for base in mro_of(cls)):
            return self._sequence
        if type(dict_of_class(cls).get("__dataclass_fields__")) is dict and homes[0][1].endswith("Output"):
            return self._dataclass
        return self._constant(ObjectSpec(class_name(cls)))

    def _constant(self, spec: Spec) -> Reader:
        number = self.specs.number(spec)
        return lambda value, depth, left: number

    def _scalar(self, value: Any, depth: int, left: list[int]) -> int:
        kind = class_name(type(value))
        kept: Scalar = value if not isinstance(value, str) else value[:MAX_TEXT]
        # The repr as key keeps 1, True and 1.0 apart, 0.0 and -0.0 too, and finds NaN again.
        key = (kind, repr(kept))
        number = self.specs.numbers.get(key)
        return self.specs.add(key, ScalarSpec(kind, kept, True)) if number is None else number

    # --- tensors and arrays ---------------------------------------------------------------------

    def _tensor(self, value: Any, depth: int, left: list[int]) -> int:
        torch: Any = sys.modules["torch"]
        with torch._C.DisableTorchFunctionSubclass():
            return self.specs.number(self._tensor_spec(value, type(value)))

    def _tensor_spec(self, value: Any, cls: type) -> TensorSpec:
        torch: Any = sys.modules["torch"]
        base = torch._C.TensorBase
        try:
            shape = tuple([_dim(size) for size in base.shape.__get__(value)])
        except Exception:
            shape = ("?",)  # strided nested tensors and lazy parameters have no shape
        dtype = str(base.dtype.__get__(value)).removeprefix("torch.")
        device = str(base.device.__get__(value))
        plain = cls is torch.Tensor or cls is torch.nn.Parameter
        readable = plain and device != "meta" and not torch._C._len_torch_dispatch_stack()
        return TensorSpec(
            shape,
            dtype,
            device,
            stats=_stats(torch, value) if self._keep_stats and readable else None,
            type="Tensor" if plain else class_name(cls),
            values=_small_values(torch, value) if self._keep_values and readable else None,
        )

    def _array(self, value: Any, depth: int, left: list[int]) -> int:
        numpy: Any = sys.modules["numpy"]
        shape = tuple([_dim(size) for size in numpy.ndarray.shape.__get__(value)])
        dtype = str(numpy.ndarray.dtype.__get__(value))
        return self.specs.number(TensorSpec(shape, dtype, type=class_name(type(value))))

    # --- containers -----------------------------------------------------------------------------

    def _sequence(self, value: Any, depth: int, left: list[int]) -> int:
        is_list = any(base is list for base in mro_of(type(value)))
        length = list.__len__(value) if is_list else tuple.__len__(value)
        items = (list if is_list else tuple).__getitem__(value, slice(0, MAX_ITEMS))
        names = dict_of_class(type(value)).get("_fields")
        keys = names if type(names) is tuple and len(names) == length else range(length)
        return self._container(value, list(zip(keys, items, strict=False)), length, depth, left)

    def _mapping(self, value: Any, depth: int, left: list[int]) -> int:
        pairs = []
        for number, (key, item) in enumerate(dict.items(value)):
            if number == MAX_ITEMS:
                break
            pairs.append((_key(key, number), item))
        return self._container(value, pairs, dict.__len__(value), depth, left)

    def _user_dict(self, value: Any, depth: int, left: list[int]) -> int:
        data = self._dict(value).get("data")
        if type(data) is not dict:
            return self.specs.number(ObjectSpec(class_name(type(value))))
        pairs = [(_key(key, number), data[key]) for number, key in enumerate(list(data)[:MAX_ITEMS])]
        return self._container(value, pairs, len(data), depth, left)

    def _dataclass(self, value: Any, depth: int, left: list[int]) -> int:
        names = list(dict_of_class(type(value))["__dataclass_fields__"])
        data = self._dict(value)
        pairs = [(name, data[name]) for name in names[:MAX_ITEMS] if name in data]
        return self._container(value, pairs, len(names), depth, left)

    def _container(self, value: Any, pairs: list[tuple[Key, Any]], length: int, depth: int, left: list[int]) -> int:
        kind = class_name(type(value))
        if depth >= MAX_DEPTH:
            return self.specs.number(ContainerSpec(kind, (), length))
        numbers: list[tuple[Key, int]] = []
        for name, item in pairs:
            if left[0] <= 0:
                break
            numbers.append((name, self._any(item, depth + 1, left)))
        key = (kind, length, tuple(numbers))
        number = self.specs.numbers.get(key)
        if number is not None:
            return number
        rows = self.specs.rows
        return self.specs.add(key, ContainerSpec(kind, tuple([(name, rows[n]) for name, n in numbers]), length))

    # --- caches ---------------------------------------------------------------------------------

    def _cache(self, value: Any, depth: int, left: list[int]) -> int:
        data = self._dict(value)
        cross: int | None = None
        if "self_attention_cache" in data:
            own, layers = self._cache_state(data["self_attention_cache"])
            cross, _ = self._cache_state(data["cross_attention_cache"])
        else:
            own, layers = self._cache_state(value)
        cls = type(value)
        key = (_cache_key, id(cls), own, layers, cross)
        number = self.specs.numbers.get(key)
        return self.specs.add(key, CacheSpec(class_name(cls), own, layers, cross)) if number is None else number

    def _cache_state(self, cache: Any) -> tuple[int | None, int]:
        """Tokens held by a cache and its number of layers, read from attributes alone.

        The length is that of the **last** layer that holds keys: layers are updated one after another
        during a forward, so each layer of a step finds there the length from before the step.  None
        where no layer counts tokens (state-space models).
        """
        layers = self._dict(cache).get("layers")
        if type(layers) is not list:
            return None, 0
        for layer in reversed(layers):
            length = _layer_length(self._dict(layer))
            if length is not None:
                return length, len(layers)
        return (None if layers else 0), len(layers)

    def _dict(self, value: Any) -> dict[str, Any]:
        """`instance_dict` with the getter remembered for each class."""
        cls = type(value)
        known = self._dict_readers.get(id(cls))
        if known is not None:
            return known[0](value)
        getter, key, getters = dict_getter(cls), id(cls), self._dict_readers
        getters[key] = (getter, weakref.ref(cls, lambda _: getters.pop(key, None)))
        return getter(value)


_cache_key = object()
"""Keeps the keys of caches apart from the keys of containers in the one table of specs."""


def _dim(size: Any) -> Dim:
    return size if type(size) is int else str(size)


def _key(key: Any, number: int) -> Key:
    """A mapping's own key where it is a plain text or int, else the position."""
    if type(key) is str:
        return key[:MAX_TEXT]
    return key if type(key) is int else number


def _layer_length(layer: dict[str, Any]) -> int | None:
    """Tokens seen by one cache layer; None where it does not count them."""
    if "keys" not in layer:
        return None
    if not layer.get("is_initialized"):
        return 0
    for name in ("cumulative_length_int", "cumulative_length"):
        if type(layer.get(name)) is int:
            return int(layer[name])
    if "cumulative_length" in layer:
        return _counter(layer["cumulative_length"])
    keys = layer["keys"]
    if keys is None:
        return None  # a placeholder layer that shares the keys of another one
    shape = keys.shape
    return int(shape[-2]) if len(shape) > 1 and type(shape[-2]) is int else 0


def _counter(tensor: Any) -> int | None:
    """The value of a one-element counter tensor, where reading it costs no synchronisation.

    Static caches count in a tensor.  On an accelerator reading it would make the host wait, and under a
    dispatch mode of the host our read would be seen, so there it stays unknown.
    """
    torch: Any = sys.modules["torch"]
    if type(tensor) is not torch.Tensor or tensor.device.type != "cpu" or torch._C._len_torch_dispatch_stack():
        return None
    return int(tensor.item())


def _small_values(torch: Any, tensor: Any) -> tuple[Scalar, ...] | None:
    if tensor.is_floating_point() or tensor.is_complex() or tensor.numel() > MAX_VALUES:
        return None
    return tuple(tensor.detach().reshape(-1).tolist())


def _stats(torch: Any, tensor: Any) -> TensorStats | None:
    """Extremes and moments of the finite elements, computed without touching gradients or random state."""
    if not tensor.is_floating_point() or tensor.layout is not torch.strided:
        return None
    with torch.no_grad():
        flat = tensor.detach().reshape(-1).to(torch.float64 if tensor.dtype == torch.float64 else torch.float32)
        nan = int(torch.isnan(flat).sum())
        inf = int(torch.isinf(flat).sum())
        finite = flat if not nan and not inf else flat[torch.isfinite(flat)]
        if not finite.numel():
            return TensorStats(None, None, None, None, nan, inf)
        std = float(finite.std(correction=0))
        return TensorStats(float(finite.min()), float(finite.max()), float(finite.mean()), std, nan, inf)
