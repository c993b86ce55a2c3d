"""The lines that ran: of the calls that somebody asked for, and of no others.

    choice    which callees are asked for, by name, path or file
    stores    which names each line of a function binds, read from its code
    identities  which tensor is which, by number, while it lives
    watch     one call of such a function: what its lines bound, as a `Pass`
    gate      lets the events of the watched functions in: `sys.settrace` up to Python 3.11 (`tracing`),
              `sys.monitoring` from 3.12 on (`monitoring`)
    watching  what a recorder asks: is this callee watched, begin, end

A tracer that sees every line of a program costs seven times its run.  So a gate opens when the wrapper of a
watched callee is entered, and closes when it is left; everywhere else the interpreter runs at full speed.
"""

from .choice import Choice, choices
from .gate import the_gate
from .watching import Watching, watching

__all__ = ["Choice", "Watching", "choices", "the_gate", "watching"]
