"""The wrapper that stands in for a traced method: the hot path, in one function.

All but the first few calls of a callee are like its last one, so this function does by itself only what such
a call needs, and hands every other to the general way: a callee that was not met yet, several traces at
once, limits, facts.

Each call writes two rows (see `events`): at entry the visit, the signature and the clock, at exit the end,
the spec and the clock.  The visit is that of the last call if code, instruction and depth are the same
(`known.caller`), the numbers come from generated readers (`known.takes`, `known.gives`, see `describe`).
Nothing is formatted and no object is made but ints: 0.8 µs for a module with one tensor in and out, on top
of what torch's own two frames would cost (see `torch_call`).

Rules, each learnt from a fault:

* It passes through first: a compiler or tracer at work (outside of any `try`, which a compiler could not
  look into), no recorder active, its own patch taken out.
* The host's call stands in its own `try`, our bookkeeping in others: a fault of ours is counted and goes
  no further, an exception of the host's (KeyboardInterrupt too) is noted and raised on unchanged, without
  our line in its traceback.
* How deep a thread is, is put back by two nested `finally`: a Ctrl-C that lands in the inner one still
  meets the outer one, so the next call never gets a parent that has already ended.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from sys import _getframe as frame_above
from time import perf_counter_ns as now
from typing import Any

from . import active, torch_call
from .general import compilers, general
from .known import Known
from .target import Target
from .tracebacks import hide_our_lines, standing_in, unseen

Call = Callable[..., Any]


def wrap(target: Target) -> Call:
    """A function with the signature of `target.original` that reports each call to the active recorders."""
    if not target.bound:
        return general(target)
    target.impl = torch_call.known_impl(target.original) if target.kind == "module" else None
    made = functools.wraps(target.original)(unseen(_wrapper(target)))
    return standing_in(made, target.original) if target.stands_in else made


def _wrapper(target: Target) -> Call:
    original, book, by_object, impl = target.original, target.book, target.by_object, target.impl
    is_compiling, compiler, tracing_state, waiting = compilers()
    torch: Any = sys.modules["torch.nn.modules.module"] if target.impl else None

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or compiler._is_compiling_flag or tracing_state() is not None or waiting():
            return original(self, *args, **kwargs)
        way, direct = original, False
        try:
            try:
                known = book.get(id(self if by_object else type(self)))
                if known is None or known.among is not active.recorders:
                    known = _meet(target, self)
                if known is not None:
                    recorder = known.recorder
                    try:
                        writer = recorder.local.writer
                    except AttributeError:  # the first call of a thread
                        writer = recorder.new_writer()
                    depth = writer.depth
                    try:
                        caller = frame_above(1)
                    except ValueError:  # no Python frame made this call
                        caller = None
                    code, instruction, level, visit, end = known.caller
                    if (
                        level != depth
                        or caller is None
                        or caller.f_code is not code
                        or caller.f_lasti != instruction
                    ):
                        visit, end = recorder.callees.visit(known, caller, depth)
                    signature = known.takes.read(args, kwargs)
                    if signature is None:
                        signature = recorder.describer.usual_call(known.takes, args, kwargs)
                    if known.is_plain:
                        mine = self.__dict__
                        hooked = (
                            mine["_forward_hooks"] or mine["_forward_pre_hooks"] or mine["_backward_hooks"]
                        )
                        hooked = hooked or mine["_backward_pre_hooks"] or "_compiled_call_impl" in mine
                        hooked = hooked or type(self)._call_impl is not impl or "_call_impl" in mine
                        hooked = hooked or torch._global_forward_hooks or torch._global_forward_pre_hooks
                        hooked = hooked or torch._global_backward_hooks or torch._global_backward_pre_hooks
                        direct = not hooked
                    number = recorder.kept()
                    if number < recorder.pause or recorder.goes_on(writer, number):
                        writer.rows += (visit, signature, now())
                    else:
                        known, way, direct = None, original, False
                else:
                    way = _otherwise(target)
            except Exception as error:
                active.fault(f"enter {target.function}", error)
                known, way, direct = None, original, False
            if known is None:
                return way(self, *args, **kwargs)
            try:
                try:
                    writer.depth = depth + 1
                    output = self.forward(*args, **kwargs) if direct else original(self, *args, **kwargs)
                except BaseException as error:
                    recorder.fail(writer, depth, error)
                    raise
                finally:
                    writer.depth = depth
                try:
                    clock = now()
                    spec = known.gives.read(output)
                    if spec is None:
                        spec = recorder.describer.usual_value(known.gives, output)
                    writer.rows += (end, spec, clock)
                except Exception as error:
                    recorder.fault("leave", error)
                return output
            finally:
                writer.depth = depth
        except BaseException as error:
            if direct:
                torch_call.hide_our_lines(error, original, target.impl, args, kwargs)
            else:
                hide_our_lines(error)
            raise

    return method


def _otherwise(target: Target) -> Call:
    """The general way, made when it is first needed: most targets of a trace are never called."""
    made: Call = target.general or general(target, nth=1)
    target.general = made
    return made


def _meet(target: Target, it: Any) -> Known | None:
    """What the only active recorder knows of a callee; None where the short way is not open."""
    recorders = active.recorders
    if len(recorders) != 1 or target.retired or recorders[0].listens(target):
        return None
    return recorders[0].meet(target, it, recorders)
