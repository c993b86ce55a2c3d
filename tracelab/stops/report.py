"""What is said where a program stops: which call this is, what led there, and what came in."""

from __future__ import annotations

from ..calls import Call, Trace
from ..values import inert
from .place import Place

_MOST = 8
"""So many inputs and so many calls above are told."""


def here(call: Call | None, place: Place, failed: bool) -> str:
    """A few lines about the call that is stopped in."""
    if call is None:
        return f"tracelab: stopped at {inert(str(place))}"
    return _about(call, "failed" if failed else "stopped")


def failed_call(trace: Trace) -> str:
    """The same for the innermost call that the last exception has left."""
    failed = [call for call in trace.find(status="error") if not any_failed(call.children)]
    return _about(failed[-1], "failed") if failed else "tracelab: no recorded call has failed"


def any_failed(calls: list[Call]) -> bool:
    """Whether an exception has left one of the calls."""
    return any(call.status == "error" for call in calls)


def _about(call: Call, what: str) -> str:
    where = call.path if call.path else call.name
    named = f" ({call.name})" if call.path else ""
    step = "" if call.step is None else f", step {call.step}"
    lines = [f"tracelab: {what} in {inert(where + named)}{step}, call #{call.id}"]
    above = call.ancestors
    told = [inert(one.name) for one in reversed(above[:_MOST])]
    if told:
        lines.append("  " + " → ".join([*(["…"] if len(above) > _MOST else []), *told]))
    given = [f"{inert(str(name))} {inert(str(spec))}" for name, spec in list(call.inputs.items())[:_MOST]]
    lines += [f"  {one}" for one in given]
    lines.append("  tree: what ran so far; call: this again")
    return "\n".join(lines)
