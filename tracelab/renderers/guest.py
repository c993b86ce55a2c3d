"""The door through which rich comes in: what we use of it, and its one draw from the host's random numbers.

`rich.style` draws a number from the generator of the module `random` when it is imported.  A program that
prints its trace and then draws for itself would draw other numbers than without us, so the generator is
put back.  Whoever here needs rich takes it from this file.
"""

from __future__ import annotations

import random
import sys

_before = None if "rich.style" in sys.modules else random.getstate()

from rich import style  # noqa: E402 (only this is imported between the two looks at the generator)

if _before is not None:
    random.setstate(_before)

from rich.cells import cell_len, chop_cells  # noqa: E402
from rich.console import Console, ConsoleOptions, RenderResult  # noqa: E402
from rich.table import Table  # noqa: E402
from rich.text import Text  # noqa: E402

Style = style.Style

__all__ = ["Console", "ConsoleOptions", "RenderResult", "Style", "Table", "Text", "cell_len", "chop_cells"]
