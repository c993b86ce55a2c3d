"""Print the table of costs in Markdown, with the machine and the versions that it was measured on."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

from .cases import generate_cost, import_seconds, size_of


def table() -> str:
    """All figures, measured now."""
    cost = generate_cost(tokens=64, rounds=30)
    with tempfile.TemporaryDirectory() as folder:
        size = size_of(100_000, Path(folder))
    each = 1e6 * cost.traced / cost.calls
    rows = [
        ("full trace of a small Llama `generate`, 64 tokens", f"{cost.slowdown:.2f}× the untraced run"),
        ("… its added cost against empty global torch hooks", f"{cost.ratio:.2f}×"),
        ("… for each recorded call", f"{each:.1f} µs"),
        ("`import tracelab`", f"{1000 * import_seconds():.0f} ms"),
        (
            f"memory of a trace of {size.calls:,} calls",
            f"{size.kept / 1e6:.0f} MB (peak {size.peak / 1e6:.0f} MB)",
        ),
        ("its file", f"{size.file / 1e6:.1f} MB"),
        ("`tracelab show` of that file", f"{size.show:.1f} s"),
    ]
    lines = [
        "| what | cost |",
        "|---|---|",
        *(f"| {what} | {figure} |" for what, figure in rows),
        "",
        machine(),
    ]
    return "\n".join(lines)


def machine() -> str:
    """One line on where the figures come from."""
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    return (
        f"Measured by `python -m tests.benchmarks` on {os.cpu_count()} cores of {platform.machine()}, "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}."
    )


if __name__ == "__main__":
    print(table())
