"""Be the interpreter for one program: a fresh `__main__`, `sys.argv`, `sys.path[0]`, then its code.

Gotchas.  Nothing is put back afterwards: atexit handlers, threads and destructors of the program still
run, import and look at their globals.  No exception is being handled while the program runs, so that
its own errors get no foreign `__context__`.
"""

from __future__ import annotations

import sys
from types import ModuleType

from .ours import cut_ours
from .program import Program


def run(program: Program) -> BaseException | None:
    """Run `program` as the `__main__` of this process; gives what ended it, None for a plain end."""
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv = program.argv
    if not sys.flags.safe_path:
        # The first entry is where the command `tracelab` itself was found.
        sys.path[:1] = [program.folder]
    try:
        code, names = program.load()
        main.__dict__.update(names)
        if program.module:
            program.argv[0] = names["__file__"]
        exec(code, main.__dict__)
    except BaseException as error:
        cut_ours(error)
        return error
    return None
