"""The head of a model: the layers outside of its base, and what becomes of the logits that they give."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import Dim
from .call import Call

Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one model, as in its first call.

    `model`: that call; `calls`: how many there were. `base`: the parts of the model that are its base, by
    name; `layers`: the calls of the layers outside of it. `input`: what went into the first of them;
    `output`: what came out of the last; `logits`: what the model gave. Logits are any numbers, no
    probabilities: `applies` is the function that a pipeline then applies (`softmax`, `sigmoid`, or `none`),
    `picks` what it does with the result (`argmax` or `sort`), `postprocess` the call that does it; None: no
    pipeline, or not known. `one_place`: the head ran at every place of the text, and the logits of one were
    taken.
    """

    model: Call
    base: tuple[str, ...]
    layers: tuple[Call, ...]
    input: Shape | None = None
    output: Shape | None = None
    logits: Shape | None = None
    calls: int = 1
    one_place: bool = False
    applies: str | None = None
    picks: str | None = None
    postprocess: Call | None = None
