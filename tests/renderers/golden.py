"""Golden texts: what a drawing looks like, kept in `tests/golden/` and compared letter by letter.

`TRACELAB_UPDATE_GOLDEN=1 pytest tests/renderers` writes them anew; read the difference before it is
committed, because a golden text is only as true as the person who looked at it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "golden"


def compare(name: str, text: str) -> None:
    """`text` must be what `tests/golden/<name>.txt` holds."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("TRACELAB_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: run once with TRACELAB_UPDATE_GOLDEN=1"
    assert text == path.read_text(encoding="utf-8")
