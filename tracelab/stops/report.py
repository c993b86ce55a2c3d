"""What is said where a program stops: which call this is, what led there, and what came in."""

from __future__ import annotations

from ..calls import Call
from ..values import inert
from .place import Place

_MOST = 8
"""So many inputs and so many calls above are told."""


def here(call: Call | None, place: Place, failed: bool) -> str:
    """A few lines about the call that is stopped in."""
    if call is None:
        return f"tracelab: stopped at {inert(str(place))}"
    where = call.path if call.path else call.name
    named = f" ({call.name})" if call.path else ""
    step = "" if call.step is None else f", step {call.step}"
    lines = [
        f"tracelab: {'failed' if failed else 'stopped'} in {inert(where + named)}{step}, call #{call.id}"
    ]
    above = call.ancestors
    told = [inert(one.name) for one in reversed(above[:_MOST])]
    if told:
        lines.append("  " + " → ".join([*(["…"] if len(above) > _MOST else []), *told]))
    given = [f"{inert(str(name))} {inert(str(spec))}" for name, spec in list(call.inputs.items())[:_MOST]]
    lines += [f"  {one}" for one in given]
    lines.append("  tree: what ran so far; call: this again")
    return "\n".join(lines)
