"""What torch does between `module(x)` and `module.forward(x)`, as far as we do it ourselves.

    Module.__call__ = Module._wrapped_call_impl        goes to `_call_impl`, unless the module is compiled
    Module._call_impl                                  goes to `forward`, unless there are hooks of any kind

Two frames for each module call, 0.7 µs.  Our wrapper asks torch's own questions and goes to `forward` at once
where torch would; in every other case it calls torch's function as it is.  Three things keep that honest:

* The questions are copied from torch, so it is checked that the installed torch still asks these and no
  others: their names stand at the beginning of its code, in order.  Otherwise nothing is cut short.
* A traceback shows the two frames all the same: a call of torch's own function on a stand-in whose forward
  raises has them (`replay`).
* A forward that names a line above its own, as by `warnings.warn(..., stacklevel=2)`, is left to torch too
  (`looks_up`).  What remains is one that counts on, over the frames of another module above it.
"""

from __future__ import annotations

import sys
from types import FunctionType, GetSetDescriptorType, TracebackType
from typing import Any

from ..describe import dict_of_class, instance_dict, mro_of
from . import active, tracebacks
from .looks_up import looks_up

HOOKS = ("_backward_hooks", "_backward_pre_hooks", "_forward_hooks", "_forward_pre_hooks")
GLOBAL_HOOKS = (
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
)
_CALL = ("_compiled_call_impl", "_call_impl")
_CALL_IMPL = ("torch", "_C", "_get_tracing_state", "_slow_forward", "forward", *HOOKS, *GLOBAL_HOOKS)
_OWN = {*HOOKS, *_CALL, "_slow_forward", "__getattribute__"}


class StandIn:
    """A module without hooks whose forward raises: calling it shows how torch calls a forward."""

    _compiled_call_impl = None
    _backward_hooks = _backward_pre_hooks = _forward_hooks = _forward_pre_hooks = ()

    def __init__(self, impl: Any) -> None:
        self.impl = impl

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return self.impl(self, *args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise StopIteration


def known_impl(call: Any) -> Any:
    """The `Module._call_impl` behind the `Module.__call__` of a torch that asks what we ask; else None."""
    module = getattr(sys.modules.get("torch.nn"), "Module", None)
    impl = getattr(module, "_call_impl", None)
    if type(call) is not FunctionType or type(impl) is not FunctionType:
        return None
    names, inner = call.__code__.co_names, impl.__code__.co_names
    is_known = (
        names == _CALL
        and inner[: len(_CALL_IMPL)] == _CALL_IMPL
        and len(entries(call, impl, replay(call, impl, (), {}))) == 2
    )
    return impl if is_known else None


def is_usual(cls: type, impl: Any) -> bool:
    """Whether a class of modules leaves everything to torch that happens before `forward`.

    `impl`: what `_call_impl` was; somebody may have put another one there since.  A `forward` that is no
    function may do anything when torch looks it up, and at another line than where torch calls it.
    """
    if impl is None:
        return False  # no module of torch's; torch itself may not be loaded
    module = sys.modules["torch.nn"].Module
    if dict_of_class(module).get("_call_impl") is not impl:
        return False
    # By identity: a metaclass may answer `==` itself, and in the hot path also `type(self)._call_impl`.
    own = [above for above in mro_of(cls) if above is not module and above is not object]
    if any(_OWN & dict_of_class(above).keys() or _has_dict_of_its_own(above) for above in own):
        return False
    if any("__getattribute__" in dict_of_class(meta) for meta in mro_of(type(cls))[:-2]):
        return False
    forwards = [known["forward"] for known in map(dict_of_class, mro_of(cls)) if "forward" in known]
    return type(forwards[0]) is FunctionType and not looks_up(forwards[0], (*own, object))


def _has_dict_of_its_own(cls: type) -> bool:
    """Whether the hot path's `self.__dict__` would ask the host; a mixin has the interpreter's."""
    return type(dict_of_class(cls).get("__dict__")) not in (type(None), GetSetDescriptorType)


def is_plain(module: Any) -> bool:
    """The same for one module of such a class."""
    own = instance_dict(module)
    return "_call_impl" not in own and all(name in own for name in HOOKS)


def replay(call: Any, impl: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TracebackType | None:
    """The traceback of a module call whose forward raises, with torch's frames in it.

    It runs torch's own code, in a world where nobody has registered a global hook: a forward that registers
    one and then raises must not see it called for a module that is none of the host's.
    """
    unhooked = {**impl.__globals__, **dict.fromkeys(GLOBAL_HOOKS, ())}
    try:
        call(StandIn(FunctionType(impl.__code__, unhooked)), *args, **kwargs)
    except StopIteration as stop:
        # Given back without a name: a local variable would be a cycle, this frame is above torch's.
        return stop.__traceback__
    except Exception:  # near the recursion limit: then without torch's frames
        return None
    return None


def hide_our_lines(
    error: BaseException, call: Any, impl: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Take our entries off a traceback, and put in those of torch that would stand there without us."""
    try:
        tracebacks.hide_our_lines(error, entries(call, impl, replay(call, impl, args, kwargs)))
    except Exception as fault:  # the host's error must not be replaced by one of ours
        active.fault("traceback", fault)
    finally:
        del error  # the replayed frames know this one, so it would be a cycle


def entries(call: Any, impl: Any, replayed: TracebackType | None) -> list[TracebackType]:
    """The entries of torch in such a traceback, outermost first."""
    codes = (call.__code__, impl.__code__)
    found = []
    while replayed is not None:
        if replayed.tb_frame.f_code in codes:
            found.append(replayed)
        replayed = replayed.tb_next
    return found
