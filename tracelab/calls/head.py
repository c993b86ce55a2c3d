"""The head of a model: the layers outside of its base, and what becomes of the logits that they give."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import Dim, inert
from .call import Call

Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one model, as in its first call.

    `model`: that call; `calls`: how many there were. `base`: the parts of the model that are its base, by
    name; `layers`: the calls of the layers outside of it. `input`: what went into the first of them;
    `output`: what came out of the last; `logits`: what the model gave. `probabilities`: False where the model
    calls it logits, any numbers of which no softmax was made; True where the head ends in a softmax or a
    sigmoid; None: not known. `applies` is the function that a pipeline then applies (`softmax`, `sigmoid`, or
    `none`), `picks` what it does with the result (`argmax` or `sort`), `postprocess` the call that does it;
    None: no pipeline, or not known. `one_place`: the head ran at every place of the text, and the logits of
    one were taken. `newly_initialised`: weights of these layers that no file had when the model was loaded;
    `random`: the whole model was built in the trace, and nothing was loaded into it before this call.
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
    probabilities: bool | None = None
    newly_initialised: tuple[str, ...] = ()
    random: bool = False

    def __str__(self) -> str:
        return inert(" · ".join([f"{self.model.name}: {self._layers()}", self._gives(), *self._more()]))

    def _layers(self) -> str:
        names = [layer.path or layer.owner for layer in self.layers]
        return f"{', '.join(self.base)}, then {', '.join(names)}"

    def _gives(self) -> str:
        what = {False: "logits, not probabilities", True: "probabilities", None: "output"}[self.probabilities]
        return f"{_text(self.input)} → {_text(self.logits or self.output)} {what}"

    def _more(self) -> list[str]:
        found = []
        if self.random:
            found.append("random weights")
        if self.newly_initialised:
            found.append(f"newly initialised: {', '.join(self.newly_initialised)}")
        if self.postprocess is not None:
            does = [word for word in (self.applies, self.picks) if word and word != "none"]
            found.append(f"then {' and '.join(does) or 'nothing'} in {self.postprocess.name}")
        return found


def _text(shape: Shape | None) -> str:
    return "?" if shape is None else f"[{','.join(map(str, shape))}]"
