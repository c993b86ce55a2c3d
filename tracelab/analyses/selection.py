"""Which calls a filter keeps: those that match, and the calls above them.

A pattern is either `Owner.function` or a path in the model, both with `*` globs:

    *Attention.forward        LlamaForCausalLM.*       model.layers.*.mlp       layers.0

A pattern that matches nothing keeps nothing, and a `PatternWarning` names the nearest names.
"""

from __future__ import annotations

import warnings
from fnmatch import fnmatchcase

from ..calls import Trace
from ..errors import PatternWarning
from ..events import UNKNOWN, Site
from ..query import matches, unknown


def matching(trace: Trace, pattern: str) -> frozenset[int]:
    """Rows of the calls that match `pattern`, and of all calls above them."""
    columns = trace.columns
    kept: set[int] = set()
    for row in rows_matching(trace, pattern):
        while row != UNKNOWN and row not in kept:
            kept.add(row)
            row = columns.parent[row]
    if not kept:
        warnings.warn(unknown(trace, pattern), PatternWarning, stacklevel=2)
    return frozenset(kept)


def rows_matching(trace: Trace, pattern: str) -> list[int]:
    """Rows of the calls that match `pattern`, in order."""
    return trace.columns.rows_at([_matches(site, pattern) for site in trace.columns.sites])


def _matches(site: Site, pattern: str) -> bool:
    if matches(site, pattern) or fnmatchcase(site.owner, pattern):
        return True
    paths = (site.path, *site.aliases) if site.path is not None else ()
    return any(fnmatchcase(path, pattern) or fnmatchcase(path, f"*.{pattern}") for path in paths)
