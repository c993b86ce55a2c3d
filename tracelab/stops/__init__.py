"""Stopping in a call: in the frame of the function that really runs, with the tree so far at hand.

place       where: a pattern, and at which step
condition   when: an expression or a function over what came in, what comes out, what was raised
stop        one call that may be stopped in: what a gate of `lines` reports to
debugger    the debugger that the user has, entered in somebody else's frame
stopping    what a recorder asks, for all breakpoints of one recording
"""

from .condition import Condition
from .debugger import post_mortem
from .place import Place
from .report import failed_call
from .stopping import Stopping

__all__ = ["Condition", "Place", "Stopping", "failed_call", "post_mortem"]
