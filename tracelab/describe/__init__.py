"""Live value to spec: never raises, never keeps the value, runs no code of the value's class.

    reflection   reading classes and instances past whatever they define
    sizes        a shape on its own, `torch.Size`
    table        interned rows
    tensors      tensors and arrays
    subclasses   tensors whose classes want to be asked
    stats        extremes and moments of a tensor
    caches       generation caches
    containers   tuples, mappings, model outputs
    contents     what stands in a tensor, for facts
    encodings    what a tokenizer gave, for facts
    counts       how often a number stands in it, for facts about batches
    labels       what a loss counts in its labels, for facts
    numbers      single numbers and norms that stand in tensors, for facts
    cachelayers  what the layers of a cache hold, for facts
    describer    the general way, which joins them

and, for a call that is like the last one of its callee:

    parts        a value taken apart: layout, constants, sizes
    habits       what a callee is usually given, and when to make a reader of it
    readers      compares a value with the last one
    writing      the source of a reader
    holes        a size that grows by the same each time becomes a part of the number
    keys         what is stored of a value
    meanings     what a number stands for

A new kind of value is a new file with a reader, and one branch in `describer`.
"""

from __future__ import annotations

from .cachelayers import layers_of_cache
from .containers import Fields, fields_reader, names_of
from .contents import best, last_ids, true_rows
from .counts import how_many, is_array, sizes_of
from .describer import Describer
from .encodings import Padding, cut_end, encodings_of, fields_of, lengths_in, numbers_in, padding_in, texts_in
from .habits import Habit, Kin, not_kept
from .labels import count_labels, number_in
from .numbers import gradient_of, norm_of, share_of_zeros, value_in, version_of
from .readers import never
from .reflection import (
    class_name,
    dict_of_class,
    file_name,
    home,
    home_of_function,
    instance_dict,
    is_a,
    mro_of,
    named,
)
from .table import Table
from .tensors import dtype_of, shape_of

__all__ = [
    "Describer",
    "Fields",
    "Habit",
    "Kin",
    "Padding",
    "Table",
    "best",
    "class_name",
    "count_labels",
    "cut_end",
    "dict_of_class",
    "dtype_of",
    "encodings_of",
    "fields_of",
    "fields_reader",
    "file_name",
    "gradient_of",
    "home",
    "home_of_function",
    "how_many",
    "instance_dict",
    "is_a",
    "is_array",
    "last_ids",
    "layers_of_cache",
    "lengths_in",
    "mro_of",
    "named",
    "names_of",
    "never",
    "norm_of",
    "not_kept",
    "number_in",
    "numbers_in",
    "padding_in",
    "shape_of",
    "share_of_zeros",
    "sizes_of",
    "texts_in",
    "true_rows",
    "value_in",
    "version_of",
]
