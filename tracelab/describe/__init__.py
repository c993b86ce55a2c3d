"""Live value to spec: never raises, never keeps the value, runs no code of the value's class.

    reflection   reading classes and instances past whatever they define
    table        interned rows
    tensors      tensors and arrays
    caches       generation caches
    containers   tuples, mappings, model outputs
    describer    the hot path that joins them

A new kind of value is a new file with a reader, and one branch in `describer`.
"""

from __future__ import annotations

from .describer import Describer
from .habits import Habit, Kin, not_kept
from .readers import never
from .reflection import class_name, dict_of_class, file_name, home, instance_dict, mro_of
from .table import Table

__all__ = [
    "Describer",
    "Habit",
    "Kin",
    "Table",
    "class_name",
    "dict_of_class",
    "file_name",
    "home",
    "instance_dict",
    "mro_of",
    "never",
    "not_kept",
]
