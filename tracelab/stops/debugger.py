"""The user's debugger, in a frame that is not ours.

`breakpoint()` enters a debugger where it is called, which would be in our code.  pdb, the default, can be
told a frame, and so can every debugger whose function takes `frame`.  Any other one (PYTHONBREAKPOINT, or
what pytest puts in place of pdb) is called from a line that stands for the real one: same file, number,
globals and locals, but stepping goes no further there.
"""

from __future__ import annotations

import bdb
import contextlib
import importlib
import inspect
import os
import pdb
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ..recorder import is_ours

OURS = ["tracelab.*", "torch.nn.modules.module"]
"""Modules whose frames pdb does not stop in while it steps."""


class Debugger(pdb.Pdb):
    """pdb with two more commands, `tree` and `call`."""

    def __init__(self, tree: Callable[[], str], call: Callable[[], str]) -> None:
        super().__init__(skip=OURS, nosigint=True)
        self._tree = tree
        self._call = call
        self.prompt = "(tracelab) "

    def stop_at_once(self, frame: FrameType) -> None:
        """Stop in a frame in which no further line will run; `step` and `next` go on in its caller."""
        self.reset()
        self.interaction(frame, None)
        if self.quitting:
            raise bdb.BdbQuit
        if self.stoplineno != -1:  # what `continue` sets
            self.set_step()  # `next` has no further line here
            above = frame.f_back
            while above is not None:
                above.f_trace = self.trace_dispatch
                above = above.f_back
            sys.settrace(self.trace_dispatch)

    def dispatch_call(self, frame: FrameType, arg: Any) -> Any:
        """What our own code calls is stepped over, unless a wrapper calls the host's function."""
        above = frame.f_back
        home = "" if above is None or is_ours(above.f_code) else str(above.f_globals.get("__name__"))
        return None if home.startswith("tracelab.") else super().dispatch_call(frame, arg)

    def get_stack(self, f: Any, t: Any) -> Any:
        """The frames around, without those of our wrappers."""
        found, at = super().get_stack(f, t)
        current = found[at]
        shown = [entry for entry in found if entry is current or not is_ours(entry[0].f_code)]
        return shown, shown.index(current)

    def do_tree(self, _: str) -> None:
        """The calls so far."""
        self.message(self._tree())

    def do_call(self, _: str) -> None:
        """The call that this is, with those around it and its inputs."""
        self.message(self._call())


def enter(
    frame: FrameType, tree: Callable[[], str], call: Callable[[], str], *, ending: bool = False
) -> None:
    """Stop in `frame`: before its next line, or at once where it is `ending`."""
    hook = chosen()
    if hook is None:
        return
    if hook is not pdb.set_trace:
        print(call(), file=sys.stderr)
        _by_hook(hook, frame)
        return
    debugger = Debugger(tree, call)
    debugger.message(call())
    if ending:
        debugger.stop_at_once(frame)
    else:
        debugger.set_trace(frame)


def post_mortem(traceback: TracebackType, tree: Callable[[], str], call: Callable[[], str]) -> None:
    """Look at what was raised, in pdb."""
    debugger = Debugger(tree, call)
    debugger.message(call())
    debugger.reset()
    debugger.interaction(None, traceback)


def chosen() -> Callable[..., Any] | None:
    """What `breakpoint()` would call; None where it is switched off."""
    if sys.breakpointhook is not sys.__breakpointhook__:
        return sys.breakpointhook
    name = os.environ.get("PYTHONBREAKPOINT", "")
    if name in ("", "pdb.set_trace"):
        return pdb.set_trace
    if name == "0":
        return None
    module, _, function = name.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module or "builtins"), function)
    except (ImportError, AttributeError):
        return sys.__breakpointhook__  # which says what is wrong with it
    return found


def _by_hook(hook: Callable[..., Any], frame: FrameType) -> None:
    with contextlib.suppress(TypeError, ValueError):
        if "frame" in inspect.signature(hook).parameters:
            hook(frame=frame)
            return
    line = compile("hook()", frame.f_code.co_filename, "exec", dont_inherit=True)
    line = line.replace(co_firstlineno=frame.f_lineno, co_name=frame.f_code.co_name)
    exec(line, frame.f_globals, {**frame.f_locals, "hook": hook})
