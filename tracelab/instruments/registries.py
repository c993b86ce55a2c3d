"""Functions that a model looks up in a registry of its library when it runs: attention, masks, experts.

Which of them runs is said by the config, so no class names it.  Where a recording keeps the way to calls
(`chain=True`), each becomes a call of its own, which says as the fact `registry` where it stands:
`attention: sdpa`, and as the fact `functional` which functions of `torch.nn.functional` its source calls, and
in which lines: these are no Python and leave no call.  They are cut in at by their code (see `functions`).

    AttentionInterface        sdpa, flash_attention_2, ...; what users have registered
    eager_attention_forward   stands in each modeling file; found when a module of that file is first called
    AttentionMaskInterface    sdpa, eager, ...; and what calls them: create_causal_mask and its like
    ExpertsInterface          grouped_mm, batched_mm, ...

Gotchas: a function with cells cannot have other code, so a closure that a user has registered is not seen.
Other recordings of that time pass these functions through (`Target.in_chains`), and the codes are put back
with the last recording that wants them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from ..describe import class_name, home_of_function, instance_dict, mro_of
from ..links import FUNCTIONAL, REGISTRY
from ..patching import CodePatch, Patches, PatchPoint
from ..recorder import Recorder, Tells, active, is_ours
from ..turns import in_turn
from .families import can_wrap
from .functions import made

_MASKS = "transformers.masking_utils"
_MAPPING = "_global_mapping"
_WORDS = {"AttentionInterface": "attention", "AttentionMaskInterface": "mask", "ExpertsInterface": "experts"}
_PLACES = {
    "attention": PatchPoint(f"transformers.modeling_utils:AttentionInterface.{_MAPPING}"),
    "mask": PatchPoint(f"{_MASKS}:AttentionMaskInterface.{_MAPPING}"),
    "experts": PatchPoint(f"transformers.integrations.moe:ExpertsInterface.{_MAPPING}"),
}

Named = Iterator[tuple[str, Any]]
"""What a function is called in a registry, and the function; no name where it only calls one of them."""


class Registries:
    """The stand-ins for the codes of these functions."""

    def __init__(self, patches: Patches) -> None:
        self.patches = patches
        self.turns = patches.turns
        self._made: dict[int, CodePatch] = {}
        self._seen: set[tuple[int, int]] = set()

    @property
    def modules(self) -> list[str]:
        """The modules whose loading brings a registry into being."""
        return sorted({place.module for place in _PLACES.values()})

    def attach(self) -> None:
        """Cut in at all that stands in a registry, if a recording wants it."""
        if wanted():
            self._cut_in([*_in_mappings(), *_makers_of_masks()])

    def settle(self) -> None:
        """A recording has ended: put the codes back, if no other wants them."""
        if not wanted():
            for patch in list(self._made.values()):
                self.patches.take_out(patch.holder, patch.name)
            self.forget()

    def forget(self) -> None:
        """The patches are undone.  What is the library's own gets the same code the next time."""
        self._seen.clear()
        self._made = {
            key: patch for key, patch in self._made.items() if _library(patch.holder) == "transformers"
        }

    def look(self, forward: object) -> None:
        """A module is called for the first time: cut in at what its forward finds in its own file."""
        if type(forward) is not FunctionType:
            return
        registered = sum(len(mapping) for _, mapping in _mappings())
        key = id(forward.__code__), registered
        if key not in self._seen:
            self.turns.take(self._look, forward.__code__, forward.__globals__)
            self._seen.add(key)

    def _look(self, code: CodeType, space: dict[str, Any]) -> None:
        if wanted():
            self._cut_in([*_in_mappings(), *_in_file(code, space)])

    @in_turn
    def _cut_in(self, found: list[tuple[str, Any]]) -> None:
        functions: dict[int, FunctionType] = {}
        names: dict[int, list[str]] = {}
        for name, raw in found:
            function = _innermost(raw)
            if function is not None:
                functions[id(function)] = function
                names.setdefault(id(function), []).append(name)
        for key, function in functions.items():
            known = self._made.get(key)
            if known is None or function.__code__ not in (known.original, known.wrapper):
                known = self._made[key] = made(
                    function, "function", _says(function, names[key]), inlined=True, in_chains=True
                )
            self.patches.code(known)


def wanted() -> bool:
    """Whether a recording keeps the way to calls."""
    recorders: tuple[Recorder, ...] = active.recorders
    return bool([recorder for recorder in recorders if recorder.chains is not None])


def _says(function: FunctionType, names: list[str]) -> Tells | None:
    """What is told of each call of a function: where it stands, under which of several keys is not known."""
    words = dict.fromkeys([name for name in names if name])
    facts: dict[str, Any] = {REGISTRY: " or ".join(words)} if words else {}
    calls = _functional(function)
    if calls:
        facts[FUNCTIONAL] = calls
    return Tells(before=lambda it, args, kwargs, values: facts) if facts else None


def _functional(function: FunctionType) -> tuple[tuple[str, int], ...]:
    """What the source of a function calls of `torch.nn.functional`, each with the line."""
    import dis  # only who keeps chains needs it

    functional = sys.modules.get("torch.nn.functional")
    found: dict[tuple[str, int], None] = {}
    is_next, line = False, function.__code__.co_firstlineno
    for instruction in dis.get_instructions(function.__code__):
        name = instruction.argval
        line = instruction.positions.lineno or line if instruction.positions else line
        if is_next and type(name) is str:
            found[name, line] = None
        is_attribute = instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and name == "functional"
        is_global = instruction.opname == "LOAD_GLOBAL" and functional is not None
        is_next = is_attribute or (is_global and dict.get(function.__globals__, name) is functional)
    return tuple(found)


def _innermost(function: Any) -> FunctionType | None:
    """The function under its decorators, as far as it can have other code."""
    while type(function) is FunctionType and not is_ours(function.__code__):
        below = function.__dict__.get("__wrapped__")
        if below is None:
            break
        function = below
    if type(function) is not FunctionType or not can_wrap(function) or function.__code__.co_freevars:
        return None
    return function


def _library(function: FunctionType) -> str:
    return home_of_function(function).partition(".")[0]


def _mappings() -> Iterator[tuple[str, Mapping[Any, Any]]]:
    for word, place in _PLACES.items():
        mapping = place.resolve()
        if type(mapping) is dict:
            yield word, mapping


def _in_mappings() -> Named:
    for word, mapping in _mappings():
        yield from _entries(word, mapping)


def _entries(word: str, mapping: Mapping[Any, Any]) -> Named:
    return ((f"{word}: {key}", value) for key, value in list(mapping.items()) if type(key) is str)


def _makers_of_masks() -> Named:
    for name, value in list(vars(sys.modules[_MASKS]).items()) if _MASKS in sys.modules else ():
        if name.startswith("create_") and "mask" in name and _library(value) == "transformers":
            yield "", value


def _in_file(code: CodeType, space: dict[str, Any]) -> Named:
    """What a forward names: the eager attention of its file, and a registry that holds for this file."""
    for name in code.co_names:
        value = dict.get(space, name)
        if type(value) is FunctionType and name.startswith("eager_attention"):
            yield "attention: eager", value
            continue
        words = [word for cls in mro_of(type(value)) if (word := _WORDS.get(class_name(cls)))]
        own = instance_dict(value).get("_local_mapping") if words else None
        if type(own) is dict:
            yield from _entries(words[0], own)
