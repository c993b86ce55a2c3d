"""The line below a call that says how it was reached: `via _sample generation/utils.py:3235 → helper :88`.

Each function stands with the line that calls on.  A file is named once for functions that follow one another
in it.  What only hands on is in brackets, where it is asked for.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import PurePath

from ..analyses.lines import Line
from ..analyses.outline import Outline
from ..analyses.reached import Way
from ..links import CUT, NOISE, Frame
from .clean import clean
from .labels import Label
from .parts import Part

MOST = 6
"""So many functions are named on a line; of more, the first and the last ones."""


def via(outline: Outline, line: Line) -> Label | None:
    """The words of that line; None where nothing is to be said."""
    frames = outline.way(line)
    if not frames:
        return None
    return Label([Part("via ", "note"), Part(" → ".join(_steps(frames)), "note", shrinks=True)])


def _steps(frames: Way) -> list[str]:
    groups = [(frame, len(list(equal))) for frame, equal in groupby(frames)]
    left_out = groups[1 : 2 - MOST] if len(groups) > MOST else []
    steps, last = [], ""
    for frame, count in groups[: 1 if left_out else None]:
        steps.append(_step(frame, last, count))
        last = frame[0]
    if left_out:
        steps.append(f"… {sum([count for _, count in left_out])} more")
        last = ""
        for frame, count in groups[2 - MOST :]:
            steps.append(_step(frame, last, count))
            last = frame[0]
    return steps


def _step(frame: Frame, last: str, count: int) -> str:
    """`last`: the file that was named last.  `count`: how often the frame stood there in a row."""
    file, line, function, role = frame
    if role == CUT:
        return "…"
    place = f":{line}" if file == last else f"{clean(_short(file))}:{line}"
    words = f"{clean(function.rpartition('.')[2])} {place}{f' ×{count}' if count > 1 else ''}"
    return f"({words})" if role in NOISE else words


def _short(file: str) -> str:
    """The last two parts of a path."""
    return "/".join(PurePath(file.replace("\\", "/")).parts[-2:])
