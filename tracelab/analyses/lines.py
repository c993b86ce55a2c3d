"""One line of the folded tree: the call that is drawn, and all the calls that it stands for.

    call      WhisperDecoder ×5                stack     layers.0–3 ×4 WhisperDecoderLayer
    step      steps 1–5 decode ×5  kv 4…8      repeat    ×100, a sequence of several calls
    helpers   8 small helper calls             leaves    q_proj, k_proj, v_proj  Linear
    more      lines that did not fit here

The calls of a line are equal with everything below them, so the lines below it can be made from the
children of all of them, position by position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..calls import Step
from ..events import UNKNOWN
from .rows import Rows, Runs

CALL, STACK, REPEAT = "call", "stack", "repeat"
STEP, HELPERS, LEAVES, MORE = "step", "helpers", "leaves", "more"
UNSEEN = "unseen"
"""Phase of a pass whose model call left no trace."""


@dataclass(slots=True, eq=False)
class Line:
    """One line of the tree.

    `rows`: every call it stands for, the drawn one first (of a step: its model calls).  `count`: how often
    it happened one after another.  `runs`: of a step or repeat, the rows directly below, one list for each
    repetition; a call is asked for its children when it is opened.  `expandable`: whether there are lines
    below.  `steps`: what is known of the passes.  `parts`: the lines that a `helpers`, `leaves` or `more`
    line has swallowed.  `parent`: the row of the call that made these calls.
    """

    kind: str
    rows: Rows
    count: int = 1
    runs: Runs = field(default_factory=lambda: Runs([]))
    expandable: bool = False
    steps: list[Step] = field(default_factory=list)
    passes: tuple[int, int] = (0, 0)
    phase: str = ""
    parts: list[Line] = field(default_factory=list)
    parent: int = UNKNOWN
