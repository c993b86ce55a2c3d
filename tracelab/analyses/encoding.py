"""The encoder's run: what `generate` computes once, before the first step of its loop.

An encoder-decoder model encodes its text, sound or image by a call of `generate` itself (or of one of its
helpers, such as `get_image_features`), outside of the forward of the whole model.  So every module that is
called below a `generate` with nothing but methods in between, before its decoding loop begins, and that is
a part of the model and not the model itself, is an encode step.
"""

from __future__ import annotations

from ..calls import Call, Step, Trace
from ..events import Site
from ..values import Spec, TensorSpec, first
from .loops import LOOPS, passes
from .shapes import INPUTS, SOURCES
from .windows import window_facts

NO_INDEX = -1
"""An encode step belongs to no pass."""


def encode_steps(trace: Trace) -> list[Step]:
    """The encode steps of every `generate`, in start order."""
    columns = trace.columns
    looping = passes(trace).loops
    generates = [site.kind == "method" and site.function == "generate" for site in columns.sites]
    found: list[Step] = []
    for row in columns.rows_at(generates) if any(generates) else ():
        if row not in looping:
            rows, loop = _before_the_loop(trace, row)
            found += [_step(trace, Call(trace, one), Call(trace, row)) for one in rows if loop is not None]
    return found


def _before_the_loop(trace: Trace, generate: int) -> tuple[list[int], int | None]:
    """The modules that a `generate` called before its loop, and the row of that loop; None without one."""
    columns = trace.columns
    own = columns.sites[columns.site[generate]]
    found: list[int] = []
    waiting = list(reversed(columns.children_of(generate)))
    while waiting:
        row = waiting.pop()
        site = columns.sites[columns.site[row]]
        if site.kind == "method" and (site.function in LOOPS or site.function == "generate"):
            return found, row
        if site.kind == "method":
            waiting.extend(reversed(columns.children_of(row)))
        elif site.kind == "module" and _is_part(site, own):
            found.append(row)
    return found, None


def _is_part(site: Site, whole: Site) -> bool:
    return site.root == whole.root and bool(site.path) and site.path != whole.path


def _step(trace: Trace, call: Call, generate: Call) -> Step:
    inputs = call.inputs
    fed, output, mask = _main(inputs), first(call.output, TensorSpec), inputs.get("attention_mask")
    return Step(
        index=NO_INDEX,
        phase="encode",
        call=call,
        loop=generate,
        input=None if fed is None else fed.shape,
        mask=mask.shape if isinstance(mask, TensorSpec) else None,
        duration=call.duration,
        facts={**({} if output is None else {"output": output.shape}), **window_facts(trace, generate)},
    )


def _main(inputs: dict[str, Spec]) -> TensorSpec | None:
    named = [inputs[name] for name in (*SOURCES, *INPUTS) if name in inputs]
    tensors = [spec for spec in (*named, *inputs.values()) if isinstance(spec, TensorSpec)]
    return tensors[0] if tensors else None
