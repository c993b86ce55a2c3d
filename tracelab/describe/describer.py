"""The hot path of describing: a value becomes the number of its spec in a table.

Equal specs have the same number, so a value like one that was seen before costs a dictionary lookup and no
new object.  What is stored for a new one is its key; specs are made from the keys when the recording is
read.  The common cases are tested by identity of the exact type; every other class is looked at once, by
its MRO, and remembered by id with a weak reference (hashing a class may run its metaclass).

Containers are cut after MAX_ITEMS items, MAX_DEPTH levels and MAX_PARTS values in all.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from ..events import Signature
from ..forms import Meaning
from ..values import ObjectSpec, Scalar, ScalarSpec, Spec, UnreadableSpec
from .caches import CacheReader, growing_cache_reader, is_hybrid
from .containers import MAX_DEPTH, MAX_PARTS, MAX_TEXT, Fields, fields_reader, names_of
from .habits import Habit
from .holes import Holes
from .keys import Make, make_cache, make_container, make_ready, make_tensor, make_tuple, signature_of
from .meanings import Meanings
from .parts import Knife
from .readers import call_reader, value_reader
from .rebuilding import Rebuilder
from .reflection import all_texts, class_name, home, mro_of
from .sizes import SIZE, size_reader
from .table import Table
from .tensors import array_spec, tensor_spec

Left = list[int] | None
Reader = Callable[[Any, int, Left], int]

_SCALARS = (type(None), bool, int, float, str)

MAX_BITS = 1024
"""A whole number of more bits is kept as one that nobody knows."""


class Describer:
    """Reduces values to interned specs; one for each recording."""

    def __init__(self, *, values: bool = False, stats: bool = False) -> None:
        self.keys: Table[tuple[Make, Any]] = Table()
        self.calls: Table[tuple[Any, ...]] = Table()
        self.keeps_values = values
        self.keeps_stats = stats
        self._constants: dict[int, int] = {}
        rebuilder = Rebuilder(self.keys, self.calls, self._constants)
        self._meanings = Meanings(self.keys, self.calls, self._constants)
        self._holes_in_calls = Holes(rebuilder.call)
        self._holes_in_values = Holes(rebuilder.value)
        self._readers: dict[int, Reader] = {}
        self._classes: dict[int, Any] = {}
        self._caches = CacheReader()
        self.plain: Any = None
        self.modes: Callable[[], int] = lambda: 0
        self._guard: Any = None
        self.learn_torch()

    def learn_torch(self) -> None:
        """Remember torch's types, once torch is loaded; called again when it arrives during a trace."""
        torch: Any = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "_C") or not hasattr(torch, "nn"):
            return
        if not self.keeps_values and not self.keeps_stats:
            self.plain = torch.Tensor
        self.modes = torch._C._len_torch_function_stack
        self._guard = torch._C.DisableTorchFunction

    # --- the hot path ---------------------------------------------------------------------------

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any], guarded: bool = False) -> int:
        """The number of the signature of a call made with `args` and `kwargs`."""
        if self.modes() and not guarded:  # reading a shape would call the host's mode
            with self._guard():
                return self.signature(args, kwargs, True)
        # The names and then the spec numbers, in one flat tuple: the same tuple is the same signature.
        parts: list[Any] = [len(args), *(kwargs if all_texts(kwargs) else map(str.__str__, kwargs))]
        self._append(parts, (*args, *kwargs.values()) if kwargs else args)
        key = tuple(parts)
        number = self.calls.numbers.get(key)
        return self.calls.add(key, key) if number is None else number

    def see(self, value: Any, guarded: bool = False) -> int:
        """The number of the spec of one value."""
        if self.modes() and not guarded:
            with self._guard():
                return self.see(value, True)
        parts: list[int] = []
        self._append(parts, (value,))
        return parts[0]

    def _append(self, parts: list[Any], values: Iterable[Any], depth: int = 0, left: Left = None) -> None:
        """Append the spec number of each value to `parts`; `left`: how many values may still be looked at."""
        known = self.keys.numbers
        constants = self._constants
        readers = self._readers
        plain = self.plain
        for value in values:
            cls = type(value)
            try:
                if cls is plain:
                    key: Any = (value.shape, value.dtype, value.device)
                    number = known.get(key)
                    if number is None:
                        number = self.keys.add(key, (make_tensor, key))
                elif id(cls) in constants:
                    number = constants[id(cls)]
                elif cls is tuple and depth < 2 and len(value) <= 4:
                    fields: list[Any] = [tuple]
                    self._append(fields, value, depth + 1, left)
                    key = tuple(fields)
                    number = known.get(key)
                    if number is None:
                        number = self.keys.add(key, (make_tuple, key))
                else:
                    number = readers[id(cls)](value, depth, left)
            except Exception:  # a class never seen before, or a value that raises when it is read
                number = self._unseen(value, depth, left)
            parts.append(number)

    # --- what is like the last time -------------------------------------------------------------

    def usual_call(self, habit: Habit, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """The number of a signature that the habit's reader did not know; it may know the next one."""
        number = habit.again(args, kwargs)
        if number is None:
            number = self.signature(args, kwargs)
            if self.plain is not None and not self.modes():
                base, plain = self._holes_in_calls.base, self.plain
                habit.learn(
                    lambda: self._knife().call(args, kwargs),
                    lambda: self.signature(args, kwargs) == number,
                    lambda parts, holes: call_reader(parts, holes, base(parts, holes) or number, plain),
                )
        return number

    def usual_value(self, habit: Habit, value: Any) -> int:
        """The same for the spec of one value."""
        number = habit.again(value)
        if number is None:
            number = self.see(value)
            if self.plain is not None and not self.modes():
                base, plain = self._holes_in_values.base, self.plain
                habit.learn(
                    lambda: self._knife().value(value),
                    lambda: self.see(value) == number,
                    lambda parts, holes: value_reader(parts, holes, base(parts, holes) or number, plain),
                )
        return number

    def _knife(self) -> Knife:
        return Knife(self.plain, lambda cls: id(cls) in self._constants)

    # --- everything else ------------------------------------------------------------------------

    def _unseen(self, value: Any, depth: int, left: Left) -> int:
        """The number of a value that the hot loop could not describe."""
        try:
            cls = type(value)
            reader = self._readers.get(id(cls)) or self._learn(cls)
            return reader(value, depth, left)
        except Exception as error:
            return self._ready(UnreadableSpec(class_name(type(error))))

    def _learn(self, cls: type) -> Reader:
        key = id(cls)
        constants, readers, classes = self._constants, self._readers, self._classes

        def forget(_: Any) -> None:
            for table in (constants, readers, classes):
                table.pop(key, None)

        reader = self._reader_for(cls)
        classes[key] = weakref.ref(cls, forget)
        readers[key] = reader
        return reader

    def _reader_for(self, cls: type) -> Reader:
        kind, homes = class_name(cls), [home(base) for base in mro_of(cls)]
        if any(cls is scalar for scalar in _SCALARS):
            return (
                self._scalar
                if self.keeps_values and cls is not type(None)
                else self._constant(cls, ScalarSpec(kind))
            )
        if ("torch", "Tensor") in homes:
            return self._any_tensor
        if ("numpy", "ndarray") in homes:
            return lambda value, depth, left: self._ready(array_spec(value))
        if ("transformers.cache_utils", "Cache") in homes or is_hybrid(homes[0]):
            return self._cache_reader(cls, kind)
        if homes[0] == SIZE:
            return size_reader(self.keys, self._ready)
        read = fields_reader(cls)
        if read is not None:
            return self._container_reader(kind, read)
        return self._constant(cls, ObjectSpec(kind))

    def _constant(self, cls: type, spec: Spec) -> Reader:
        """All values of this class have the same spec."""
        number = self._constants[id(cls)] = self._ready(spec)
        return lambda value, depth, left: number

    def _any_tensor(self, value: Any, depth: int, left: Left) -> int:
        return self._ready(tensor_spec(value, stats=self.keeps_stats, values=self.keeps_values))

    def _scalar(self, value: Any, depth: int, left: Left) -> int:
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            return self._ready(ScalarSpec(type(value).__name__))  # its digits may take minutes
        kept: Scalar = value if not isinstance(value, str) else value[:MAX_TEXT]
        # The repr as key keeps 1, True and 1.0 apart, 0.0 and -0.0 too, and finds NaN again.
        spec = ScalarSpec(type(value).__name__, kept, True)
        return self._interned((ScalarSpec, spec.type, repr(kept)), make_ready, spec)

    def _cache_reader(self, cls: type, kind: str) -> Reader:
        numbers = self.keys.numbers
        read = growing_cache_reader(cls) or functools.partial(self._caches.read, kind)

        def cache(value: Any, depth: int, left: Left) -> int:
            key = read(value)
            number = numbers.get(key)
            return self.keys.add(key, (make_cache, key)) if number is None else number

        return cache

    def _container_reader(self, kind: str, read: Callable[[Any], Fields]) -> Reader:
        numbers = self.keys.numbers

        def container(value: Any, depth: int, left: Left) -> int:
            names, items, length = read(value)
            if not self.keeps_values:
                names = names_of(names)
            left = [MAX_PARTS] if left is None else left
            if depth >= MAX_DEPTH or left[0] <= 0:
                names, items = (), ()
            left[0] -= len(items)
            parts: list[Any] = [kind, length, *names]
            self._append(parts, items, depth + 1, left)
            key = tuple(parts)
            number = numbers.get(key)
            return self.keys.add(key, (make_container, key)) if number is None else number

        return container

    def _ready(self, spec: Spec) -> int:
        return self._interned(spec, make_ready, spec)

    def _interned(self, key: Any, make: Make, raw: Any) -> int:
        number = self.keys.numbers.get(key)
        return self.keys.add(key, (make, raw)) if number is None else number

    # --- reading --------------------------------------------------------------------------------

    def forget(self) -> None:
        """The recording is over: let go of the readers, which hold us, so that we need no collector."""
        self._readers.clear()
        self._classes.clear()

    def settled_call(self, number: int) -> int:
        """The number of a signature in the table, for one that may come from a reader with a hole."""
        return self._holes_in_calls.settle(number)

    def settled_value(self, number: int) -> int:
        """The same for a spec."""
        return self._holes_in_values.settle(number)

    def given(self, number: int) -> Meaning:
        """What a signature stands for, as form and sizes."""
        return self._meanings.call(number, self._holes_in_calls)

    def came(self, number: int) -> Meaning:
        """The same for a spec."""
        return self._meanings.value(number, self._holes_in_values)

    def error_name(self, error: BaseException) -> str:
        """The type of an exception; with its message only where values are kept."""
        kind = class_name(type(error))
        args = BaseException.__dict__["args"].__get__(error)
        if not self.keeps_values or not args or type(args[0]) is not str:
            return kind
        return f"{kind}: {args[0][:MAX_TEXT]}"

    def specs(self) -> list[Spec]:
        """All specs by number.  A container was numbered after its fields, so these are there already."""
        made: list[Spec] = []
        for make, raw in self.keys.listed((make_ready, UnreadableSpec("race"))):
            made.append(make(raw, made))
        return made

    def signatures(self) -> list[Signature]:
        """All signatures by number."""
        return [signature_of(key) for key in self.calls.listed((0,))]
