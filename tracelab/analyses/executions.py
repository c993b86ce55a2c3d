"""From line events to statements: how often each ran, which way its test went, what it bound.

One execution of a statement over several lines is several events, and comes back to its first line; a loop
comes back to its head.  So neighbouring events of one unit are one execution, unless the same line comes
twice at once: that is a loop around a single line.

Which way a test went is told by the line that ran next.  Gotchas: a `with` is visited once more when it is
left; the head of a `for` once more than its body; a test that raised leads to an `except`, or nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..passes import Line, Pass
from ..values import Spec
from .units import ENTRY, EXCEPT, FOR, LOOPS, WITH, Layout, Unit

Condition = bool | None


@dataclass(slots=True)
class Execution:
    """One execution of a unit: what it bound, and whether the body of the unit ran next (None: not known).

    `same`: for each name that it bound, which tensors are where in it, by number (see `passes.Line`).
    `leaves`: of a `with`, the way out.  `raised`: an exception came out of it.
    """

    unit: int
    bound: dict[str, Spec] = field(default_factory=dict)
    same: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    led: Condition = None
    leaves: bool = False
    raised: bool = False


@dataclass(slots=True)
class Told:
    """What all executions of one unit in one call tell.

    `hits`: how often it ran; of a loop, how often its body was entered.  `led`: which ways its test went.
    `bound`: all that each name was bound to, in order.
    """

    hits: int = 0
    led: list[bool] = field(default_factory=list)
    bound: dict[str, list[Spec]] = field(default_factory=dict)


def told(seen: Pass, layout: Layout) -> dict[int, Told]:
    """What is told of each unit that ran, by its number."""
    found: dict[int, Told] = {}
    for execution in executions(seen, layout):
        unit = layout.units[execution.unit]
        one = found.setdefault(execution.unit, Told())
        if execution.leaves:
            continue
        in_vain = unit.kind in LOOPS and execution.led is False
        one.hits += not in_vain
        if unit.asks and execution.led is not None:
            one.led.append(execution.led)
        if (in_vain and unit.kind == FOR) or execution.raised:
            continue  # nothing was left to be bound, or the names hold what they held before
        for name, spec in execution.bound.items():
            if name not in unit.inner:
                one.bound.setdefault(name, []).append(spec)
    return found


def executions(seen: Pass, layout: Layout) -> list[Execution]:
    """The executions of units, in order; the entry is the first."""
    found: list[Execution] = []
    before: Line | None = None
    for event in seen.lines:
        number = layout.at.get(event.number)
        if number is None:
            continue
        unit = layout.units[number]
        if not found or found[-1].unit != number or _again(unit, event, before):
            leaves = unit.kind == WITH and bool(found) and _is_inside(layout, found[-1], unit)
            found.append(Execution(number, leaves=leaves))
        found[-1].bound.update(event.bound)
        for name, _ in event.bound:
            held = [
                (place, one) for place, one in event.same if place == name or place.startswith(f"{name}[")
            ]
            found[-1].same[name] = tuple(held)
        before = event
    after: Execution | None = None
    for at in range(len(found) - 1, -1, -1):
        execution = found[at]
        execution.raised = _raised(execution, after, seen, layout)
        execution.led = _led(found, at, seen, layout)
        if not _cleans(execution, layout):
            after = execution
    return found


def last_of(seen: Pass, layout: Layout) -> Execution | None:
    """What ran last but for ways out of a `with`; None where it is not known."""
    if seen.cut:
        return None
    return next((one for one in reversed(executions(seen, layout)) if not one.leaves), None)


def _again(unit: Unit, event: Line, before: Line | None) -> bool:
    """Whether an event of the unit that is running begins to run it once more."""
    if unit.kind == ENTRY or unit.again:
        return False
    return before is not None and before.number == event.number


def _is_inside(layout: Layout, execution: Execution, unit: Unit) -> bool:
    return not unit.on_one_line and unit.leads_to(layout.units[execution.unit].first)


def _cleans(execution: Execution, layout: Layout) -> bool:
    """Whether an exception passes through an execution on its way out."""
    return execution.leaves or layout.units[execution.unit].cleans


def _raised(execution: Execution, after: Execution | None, seen: Pass, layout: Layout) -> bool:
    """Whether an exception may have come out of a statement: what ran after it is an `except`, or nothing.

    `after`: what ran next but for `finally` and the ways out of `with`.
    """
    if layout.units[execution.unit].kind in (ENTRY, EXCEPT):
        return False
    if after is None:
        return seen.ended == "exception"
    return layout.units[after.unit].kind == EXCEPT


def _led(found: Sequence[Execution], at: int, seen: Pass, layout: Layout) -> Condition:
    """Whether the body of a unit ran next."""
    unit = layout.units[found[at].unit]
    if unit.body is None:
        return None
    if at + 1 == len(found):
        if unit.kind == EXCEPT:
            return False if seen.ended == "exception" else None
        return False if seen.ended == "return" and not seen.cut and not unit.on_one_line else None
    following = layout.units[found[at + 1].unit]
    if following is unit:
        return unit.on_one_line  # `while True:` around an `if` comes back to it
    if found[at].raised:
        return None  # the test itself has raised
    if unit.on_one_line and unit.kind not in LOOPS:
        return None
    return unit.leads_to(following.first)
