"""`see_through_compile=True`: compiled code runs as the plain Python that it was made of.

`torch.compiler.set_stance("force_eager")` does that for everything that is compiled already, in all threads,
and compiles nothing new.  The stance is one value of the process: the first trace that wants it sets it, the
last one puts back what stood there, if nobody has set another one since.

Nothing is imported for it.  Without dynamo nothing is compiled, so a trace that begins before `import torch`
(or before dynamo, which torch loads at the first `torch.compile`) sets the stance when dynamo arrives.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ..errors import SetupError

_STANCES = "torch._dynamo.eval_frame"
_UNSET: Any = object()


class Stance:
    """The stance of the compiler, as long as there are traces that want to see through it."""

    def __init__(self) -> None:
        self._wanted: set[int] = set()
        self._before: Any = _UNSET
        self._ours: Any = _UNSET
        os.register_at_fork(after_in_child=self.clear)

    def want(self, recorder: object) -> None:
        """`recorder` sees through compiled code from now on; SetupError where torch cannot do that."""
        self._wanted.add(id(recorder))
        self.settle()

    def unwant(self, recorder: object) -> None:
        """`recorder` has ended."""
        self._wanted.discard(id(recorder))
        if not self._wanted:
            self.clear()

    def settle(self) -> None:
        """Set the stance if it is wanted and there is a compiler whose stance it could be."""
        if not self._wanted or self._before is not _UNSET:
            return
        compiler: Any = getattr(sys.modules.get("torch"), "compiler", None)
        if compiler is not None and not hasattr(compiler, "set_stance"):
            version = getattr(sys.modules["torch"], "__version__", "?")
            raise SetupError(
                f"see_through_compile=True is not possible with torch {version}: "
                "it has no torch.compiler.set_stance; it came with torch 2.6"
            )
        stances: Any = sys.modules.get(_STANCES)
        if compiler is None or stances is None:
            return  # nothing can be compiled yet
        # Noted before it is set: an interrupt in between leaves a note of what stands there anyway.
        self._before = stances._stance
        try:
            compiler.set_stance("force_eager")
        except RuntimeError as error:
            self._before = _UNSET
            raise SetupError(f"see_through_compile=True is not possible here: {error}") from None
        self._ours = stances._stance

    def clear(self) -> None:
        """Put back the stance that was there before, unless somebody else has set one since."""
        self._wanted.clear()
        before, ours = self._before, self._ours
        stances: Any = sys.modules.get(_STANCES)
        if before is _UNSET or stances is None:
            return
        found = stances._stance
        # After an interrupt between setting and noting there is no `ours`: then any that forces is ours.
        mine = found is ours or (ours is _UNSET and getattr(found, "stance", None) == "force_eager")
        if mine:
            stances._stance = before
        self._before = self._ours = _UNSET
