"""The instruments in place: put in with the first recorder of this process, taken out with the last.

Recorders may overlap and end in any order, on any thread, or be lost and ended by the garbage collector in
the middle of any line.  So everything here may be done twice: what stands already is left alone.  The new
recorder is made active first; from then on nobody who ends can take the patches away under its feet.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

from ..arrivals import Watcher
from ..patching import Patches, PatchPoint
from ..recorder import Recorder, active
from ..turns import in_turn
from . import checkpoints, compiled, made, stepping
from .families import Families, Family
from .followed import Root
from .functions import Codes, Functions
from .registries import Registries
from .stance import Stance

_PARTS = (compiled.DYNAMO, checkpoints.MODULE)
"""Parts of torch.  The second comes while torch itself is being loaded: nothing else can be patched yet."""


class Attachment:
    """The patches, families, functions and import watcher of one process."""

    def __init__(self, families: tuple[Family, ...], functions: tuple[Functions, ...] = ()) -> None:
        self.patches = Patches()
        self.turns = self.patches.turns
        self.families = Families(self.patches, families)
        self.codes = Codes(self.patches, functions)
        self.registries = Registries(self.patches)
        self.stance = Stance()
        self.watcher = Watcher(
            [*self.families.modules, *self.codes.modules, *self.registries.modules, *_PARTS, "greenlet"],
            self._arrived,
            {compiled.DYNAMO: self._lift_module_call},
        )

    @in_turn
    def begin(self, recorder: Recorder, roots: Sequence[Root], see_through_compile: bool = False) -> None:
        """Report to `recorder` from now on; nothing is left behind if that fails."""
        try:
            active.activate(recorder)
            self.watcher.install()
            self._attach()
            if see_through_compile:
                self.stance.want(recorder)
            for root in roots:
                if root.holder is not None:
                    self.families.follow(root.holder, root.name)
        except BaseException:
            self.end(recorder)
            raise

    @in_turn
    def end(self, recorder: Recorder) -> None:
        """Report to `recorder` no more; take everything out if it was the last one."""
        if active.deactivate(recorder):
            self.clear()
        else:
            self.stance.unwant(recorder)
            self.registries.settle()

    @in_turn
    def clear(self) -> None:
        """Take everything out; one part whatever another one does."""
        parts = (
            self.stance.clear,
            self.watcher.remove,
            self.families.forget,
            self.registries.forget,
            self.patches.undo_all,
        )
        with ExitStack() as all_of_them:
            for part in reversed(parts):
                all_of_them.callback(part)

    def _attach(self, families: bool = True) -> None:
        if families:
            self.families.attach()
            self.codes.attach()
            self.registries.attach()
        compiled.attach(self.patches)
        checkpoints.attach(self.patches)
        made.attach(self.patches)
        stepping.attach(self.patches, self.families)

    @in_turn
    def _arrived(self, name: str) -> None:
        try:
            whole = name not in _PARTS
            for recorder in active.recorders if whole else ():
                recorder.describer.learn_torch()
                recorder.learn_greenlets()
            if active.recorders:
                self._attach(families=whole)
                self.stance.settle()
        except Exception as error:  # the host's import goes on
            active.fault(f"arrival of {name}", error)

    def _lift_module_call(self) -> AbstractContextManager[None]:
        return self.patches.lifted(PatchPoint("torch:nn.Module").resolve())
