"""Run somebody's program as `python` would, inside a process that is already running.

`tracelab run` has to disappear: the program must find the `sys.argv`, `sys.path[0]` and `__main__` that
the interpreter would have given it, and its end (exit code, traceback, Ctrl-C) must look the same.

Why not `runpy`: `run_path` and `run_module` put a temporary module in place of `__main__` and take it
away again, so that pickling a class of the program fails afterwards, and atexit handlers, threads and
destructors that run later find their globals gone.  What does the right thing there is private.  So the
steps are done here, in the order of the interpreter, and with the same words where one fails:

    find      a file, a folder or zip file with `__main__.py`, a module (`-m`), or standard input (`-`)
    run       a fresh `__main__` that stays, then the code; gives back what ended it
    conclude  say what the interpreter would say about that end; gives the exit code
    leave     end the process the same way

What cannot be hidden: the lines of tracelab below the program on the stack, which `traceback.print_stack`
shows and which count for the recursion limit; and that a few modules (click, parts of the standard
library) are loaded already, so that a file of the same name next to the program is not imported instead.
"""

from .ending import conclude, leave
from .interpreter import run
from .program import Program, find

__all__ = ["Program", "conclude", "find", "leave", "run"]
