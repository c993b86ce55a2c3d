"""Which process of a distributed run this is, and files that several processes do not share.

The process group knows its rank; `torchrun` and `accelerate launch` say it in the environment too, programs
that spawn their own workers often do not.  A group may be made and destroyed inside the trace, so it is
asked whenever a callee is met for the first time.

Each process records a trace of its own.  A file for it is named with `{rank}`: `run-{rank}.jsonl`.  Several
ranks that would all write to one path are refused.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ..errors import SetupError

FIELD = "{rank}"
"""What stands in a path for the rank; 0 where there is only one process."""


class Rank:
    """The rank of this process, as far as it is known."""

    def __init__(self) -> None:
        self._of_group: int | None = None

    def look(self) -> int | None:
        """The rank in the process group, now or earlier in this trace, or else in the environment."""
        if self._of_group is None:
            self._of_group = _asked("get_rank")
        return _environment("RANK") if self._of_group is None else self._of_group


def path_of_rank(path: str, rank: int | None) -> str:
    """The path of this process's own file; SetupError where other ranks would write to it too."""
    ranks = _asked("get_world_size") or _environment("WORLD_SIZE") or 1
    if FIELD not in path and ranks > 1:
        raise SetupError(
            f"{path!r} would be written by each of {ranks} ranks; "
            f"put {FIELD} into the name, such as run-{FIELD}.jsonl"
        )
    return path.replace(FIELD, str(rank or 0))


def _asked(question: str) -> int | None:
    """What the process group of torch answers; None without one."""
    distributed: Any = sys.modules.get("torch.distributed")
    try:
        answer = getattr(distributed, question)() if distributed.is_initialized() is True else None
    except Exception:  # a torch without distributed, or one that is just being loaded
        return None
    return answer if type(answer) is int and answer >= 0 else None


def _environment(name: str) -> int | None:
    said = os.environ.get(name, "")
    return int(said) if said.isascii() and said.isdigit() else None
