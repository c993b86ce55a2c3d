"""One thing that happened to a tensor, and what kinds of them there are.

given     it went into a call                        same object
back      the call gave it back as it was            same object
line      a statement bound a name to it             same object, or made from another one
call      a call gave something made of it           made from
return    the function gave it to its caller         same object, or made from another one
kept      a statement put it somewhere: `self.x = y` same object
"""

from __future__ import annotations

from typing import NamedTuple

GIVEN, BACK, LINE, CALL, RETURN, KEPT = "given", "back", "line", "call", "return", "kept"


class Move(NamedTuple):
    """`source` and `target` are numbers of tensors; equal ones are the same object.

    `row`: the call that is meant, `frame`: the watched call that had the line, `line`: its number.  `name`:
    what was bound, or the parameter.  `operations`: what stands in between in the text.  `loaded`: the name
    that the source had.  `doubtful`: a call gave something new, and its lines, which are known, do not say
    that it was made from this: a module may take a tensor for its dtype alone.
    """

    kind: str
    source: int
    target: int
    row: int
    frame: int
    line: int | None
    name: str = ""
    operations: tuple[str, ...] = ()
    loaded: str = ""
    doubtful: bool = False
