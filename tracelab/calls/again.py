"""Calls that autograd has made: what a checkpoint runs a second time, to have what backward needs.

A checkpointed module keeps nothing of its forward; backward makes it run again.  The recorder notes of the
first call that autograd makes that it was made in backward (`Site.during`), and what stands below it in the
tree shares that.  Such a call is a repetition where the same module was called outside of backward too.
"""

from __future__ import annotations

from typing import Any

from ..events import BACKWARD, UNKNOWN, Site
from .columns import Columns

RECOMPUTED = "recomputed"
DURING = "during"


def facts_of_backward(columns: Columns, row: int) -> dict[str, Any]:
    """`recomputed` for a call that repeats a forward, `during` for another one that autograd has made."""
    if not columns.forwards() or not _is_in_backward(columns, row):
        return {}
    if _callable(columns.sites[columns.site[row]]) in columns.forwards():
        return {RECOMPUTED: True}
    return {DURING: BACKWARD}


def made_by_autograd(columns: Columns) -> list[int]:
    """The rows of the calls that autograd has made itself, in order, without those that these have made."""
    wanted = [site.during == BACKWARD for site in columns.sites]
    if not any(wanted):
        return []
    found: list[int] = []
    for row in columns.rows_at(wanted):
        above = columns.parent[row]
        if above == UNKNOWN or not _is_in_backward(columns, above):
            found.append(row)
    return found


def _is_in_backward(columns: Columns, row: int) -> bool:
    while row != UNKNOWN:
        if columns.sites[columns.site[row]].during == BACKWARD:
            return True
        row = columns.parent[row]
    return False


def _callable(site: Site) -> tuple[object, ...]:
    return site.root, site.path, site.owner, site.function
