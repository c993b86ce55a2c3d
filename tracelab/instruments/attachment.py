"""The instruments in place: put in with the first recorder of this process, taken out with the last.

Recorders may overlap and end in any order, on any thread, or be lost and ended by the garbage collector in
the middle of any line.  So everything here may be done twice: what stands already is left alone.  The new
recorder is made active first; from then on nobody who ends can take the patches away under its feet.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from ..arrivals import Watcher
from ..patching import Patches, PatchPoint
from ..recorder import Recorder, active
from .families import Families, Family
from .followed import Root


class Attachment:
    """The patches, families and import watcher of one process."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self.patches = Patches()
        self.families = Families(self.patches, families)
        self.watcher = Watcher(
            self.families.modules, self._arrived, {"torch._dynamo": self._lift_module_call}
        )

    def begin(self, recorder: Recorder, roots: Sequence[Root]) -> None:
        """Report to `recorder` from now on; nothing is left behind if that fails."""
        with self.patches.lock:
            try:
                active.activate(recorder)
                self.watcher.install()
                self.families.attach()
                for root in roots:
                    if root.holder is not None:
                        self.families.follow(root.holder, root.name)
            except BaseException:
                self.end(recorder)
                raise

    def end(self, recorder: Recorder) -> None:
        """Report to `recorder` no more; take everything out if it was the last one."""
        with self.patches.lock:
            if active.deactivate(recorder):
                self.clear()

    def clear(self) -> None:
        """Take everything out; one part whatever another one does."""
        with self.patches.lock:
            try:
                self.watcher.remove()
            finally:
                try:
                    self.families.forget()
                finally:
                    self.patches.undo_all()

    def _arrived(self, name: str) -> None:
        with self.patches.lock:
            try:
                for recorder in active.recorders:
                    recorder.describer.learn_torch()
                if active.recorders:
                    self.families.attach()
            except Exception as error:  # the host's import goes on
                active.fault(f"arrival of {name}", error)

    def _lift_module_call(self) -> AbstractContextManager[None]:
        return self.patches.lifted(PatchPoint("torch:nn.Module").resolve())
