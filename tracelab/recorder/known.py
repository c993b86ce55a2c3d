"""What a recorder remembers: of a class of callees `Breed`, of one callee `Known`, of a thread `Writer`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..describe import Habit, Kin
from ..events import UNKNOWN, Lane

if TYPE_CHECKING:
    from .chains import Opened
    from .following import FollowedOf
    from .lines import LinesOf
    from .recorder import Recorder

Caller = tuple[CodeType | None, int, int, int, int]
"""Code, instruction, depth, the number of that visit and the code of its return."""

NOWHERE: Caller = (None, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
"""A caller like which no call is."""

OUTSIDE = sys.maxsize
"""The depth of the outermost watched call, where none is open."""


@dataclass(eq=False, slots=True)
class Breed:
    """What callees of one class have in common.

    `cls`: weak.  `is_plain`: modules that torch calls in its usual way, see `torch_call`.  `relays`: see
    `callees._relays`.  `takes`, `gives`: what usually comes in and out.
    """

    cls: Callable[[], type | None]
    is_plain: bool
    relays: tuple[CodeType, ...]
    takes: Kin = field(default_factory=Kin)
    gives: Kin = field(default_factory=Kin)


@dataclass(eq=False, slots=True)
class Known:
    """What a recorder knows of one callee.

    Most calls are like the last one of the same callee: from the same line, with tensors of the same shapes.
    `caller` is the last one, one tuple that is replaced as a whole because threads share it: code,
    instruction, depth, the number of that visit and the code of its return.  `takes` and `gives`: what
    usually comes in and out.  `among`: the active recorders for which this was noted.  `is_plain`: it is
    called as the breed says.  `reference` is weak: the callee is the host's.  `lines`: how its lines are
    watched, if they are; such a callee always goes the general way.  `code`: what its calls run, where the
    way to calls is kept.
    """

    recorder: Recorder
    site: int
    may_begin: bool
    breed: Breed
    is_plain: bool
    takes: Habit
    gives: Habit
    reference: Any = None
    among: tuple[Recorder, ...] = ()
    caller: Caller = NOWHERE
    lines: LinesOf | FollowedOf | None = None
    code: CodeType | None = None


@dataclass(eq=False, slots=True)
class Writer:
    """The lane of one thread while it is being written, and how many recorded calls are open in it.

    `opened`: what is known of these, where the way to calls is kept.  `inside`: the depth of the outermost
    watched call, in a recording that follows tensors.
    """

    lane: Lane
    rows: list[int]
    depth: int = 0
    inside: int = OUTSIDE
    opened: Opened | None = None
