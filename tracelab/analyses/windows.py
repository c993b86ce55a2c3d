"""Which window of long audio a decoding loop transcribes, and at which attempt.

Whisper reads 30 seconds at a time.  Its `generate` calls `generate_with_fallback` once for each window, and
that calls the `generate` of the library again for each temperature until the text looks right.
"""

from __future__ import annotations

from ..calls import Call, Trace

FALLBACK = "generate_with_fallback"


def window_facts(trace: Trace, call: Call) -> dict[str, int]:
    """`window` and `attempt`, counted from 1, of a loop or of a `generate` that has one; else nothing."""
    found: dict[int, tuple[int, int]] = trace.memo("windows", lambda: _all_windows(trace))
    if not found:
        return {}
    row = call.id if call.id in found else trace.columns.parent[call.id]
    return dict(zip(("window", "attempt"), found.get(row, ()), strict=False))


def _all_windows(trace: Trace) -> dict[int, tuple[int, int]]:
    """The row of each `generate` of a window -> number of the window, number of the attempt."""
    columns = trace.columns
    fallbacks = [site.kind == "method" and site.function == FALLBACK for site in columns.sites]
    generates = [site.kind == "method" and site.function == "generate" for site in columns.sites]
    found: dict[int, tuple[int, int]] = {}
    seen: dict[int, int] = {}
    for row in columns.rows_at(fallbacks) if any(fallbacks) else ():
        whole = columns.parent[row]
        seen[whole] = seen.get(whole, 0) + 1
        attempts = [child for child in columns.children_of(row) if generates[columns.site[child]]]
        found.update({child: (seen[whole], number) for number, child in enumerate(attempts, 1)})
    return found
