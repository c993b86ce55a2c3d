"""The few colours of tracelab, chosen to be readable on dark and on light ground.

Only the sixteen colours of the terminal's own palette are used: the reader has already made them readable.
Nothing is told by colour alone.
"""

from __future__ import annotations

STYLES = {
    "name": "bold",
    "method": "cyan",
    "owner": "",
    "path": "bold",
    "step": "bold magenta",
    "count": "bold yellow",
    "shape": "green",
    "note": "dim",
    "guide": "dim",
    "error": "bold red",
    "warning": "yellow",
    "header": "bold",
}
