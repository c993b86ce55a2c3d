"""One loss: what it was computed from, which labels counted, and by what their sum was divided."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import Dim
from .call import Call

Shape = tuple[Dim, ...]

INSIDE, BY_CALLER, BY_INPUTS = "inside", "by the caller", "by the inputs"


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """Where a label stands that is no class: row of the batch, position in it; `label` with values only."""

    row: int
    position: int | None = None
    label: int | None = None

    def __str__(self) -> str:
        where = f"row {self.row}" if self.position is None else f"row {self.row}, position {self.position}"
        return where if self.label is None else f"{self.label} at {where}"


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss, told once: the outermost call, with what the calls below it know.

    `function`: ForCausalLMLoss, CrossEntropyLoss, cross_entropy, ...; `file`, `line`: its `def`.
    `computes`: the arithmetic behind it, functions of torch.  `model`: the model call that it is in, or whose
    logits it is computed from.

    `logits`, `labels_shape`: shapes as they came in; `logits_after`, `labels_after`: as the arithmetic got
    them, after the shift.  `shifted`: who moved the labels by one, so that each token predicts the next:
    `inside` (this function), `by the caller`, `by the inputs` (the decoder's inputs were moved instead);
    None: nobody.

    `labels`: how many there are then; `ignored`: how many do not count; `denominator`: what the sum of the
    others is divided by (a tuple where there are several sums; 1 for reduction `sum`, None for `none`).
    `num_items_in_batch`: the denominator that was given from outside.  `out_of_range`: labels that are no
    class, the first `len(out_of_range)` of `wrong`.  `value`: the loss, with values only.  None: not known.
    """

    call: Call
    function: str
    computes: tuple[str, ...] = ()
    model: Call | None = None
    logits: Shape | None = None
    labels_shape: Shape | None = None
    logits_after: Shape | None = None
    labels_after: Shape | None = None
    shifted: str | None = None
    labels: int | None = None
    ignored: int | None = None
    denominator: int | float | tuple[int | float, ...] | None = None
    num_items_in_batch: int | float | None = None
    reduction: str | None = None
    ignore_index: int | None = None
    classes: int | None = None
    smoothing: float | None = None
    weighted: bool = False
    problem_type: str | None = None
    wrong: int = 0
    out_of_range: tuple[LabelPlace, ...] = ()
    value: float | None = None

    @property
    def file(self) -> str | None:
        """Source file of the function."""
        return self.call.file

    @property
    def line(self) -> int | None:
        """Line of its `def`."""
        return self.call.line
