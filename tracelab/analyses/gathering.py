"""Lines that share one line with their neighbours: small helpers, and equal modules without calls below.

    3 helpers: _prepare_model_inputs, _prepare_special_tokens, _expand_inputs_for_generation
    q_proj, k_proj, v_proj Linear

A helper is a method call on the way to the steps that ran no module and failed nowhere.  Modules are
gathered only if they are of one class with the same sizes in and out, and stand one after another.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..calls import OK, Columns
from ..events import UNKNOWN
from .keys import Keys
from .lines import CALL, HELPERS, LEAVES, Line
from .loops import PREFILL
from .marks import Marks
from .rows import Rows


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Gathers the lines of one trace."""

    columns: Columns
    keys: Keys
    marks: Marks

    def gather(self, lines: list[Line], parent: int) -> list[Line]:
        """The lines below the call `parent`, with neighbours gathered."""
        on_the_way = parent != UNKNOWN and self._on_the_way(parent)
        gathered: list[Line] = []
        for line in lines:
            kind = self._kind(line, on_the_way)
            last = gathered[-1] if gathered else None
            if last is not None and last.kind == kind and (kind == HELPERS or self._same_leaf(last, line)):
                last.parts.append(line)
                last.rows.parts.extend(line.rows.parts)
            elif kind:
                gathered.append(Line(kind, Rows(list(line.rows.parts)), parts=[line], parent=line.parent))
            else:
                gathered.append(line)
        # One leaf alone is an ordinary call.
        return [line.parts[0] if line.kind == LEAVES and len(line.parts) == 1 else line for line in gathered]

    def _on_the_way(self, row: int) -> bool:
        """A method that leads to the steps, or prepares the first one."""
        site = self.columns.sites[self.columns.site[row]]
        return site.kind == "method" and (self.marks.chain(row) or site.function == PREFILL)

    def _kind(self, line: Line, on_the_way: bool) -> str:
        if line.kind != CALL:
            return ""
        row = line.rows[0]
        if on_the_way and self.marks.small(row):
            return HELPERS
        site = self.columns.sites[self.columns.site[row]]
        leaf = site.kind == "module" and bool(site.path) and line.count == 1 and not line.expandable
        marked = self.marks.opaque(row) or self.marks.again(row)
        return LEAVES if leaf and not marked and self.columns.status[row] == OK else ""

    def _same_leaf(self, last: Line, line: Line) -> bool:
        return self.keys.own_exact(last.rows[0]) == self.keys.own_exact(line.rows[0])
