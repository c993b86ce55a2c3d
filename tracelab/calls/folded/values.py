"""What stands in the columns of a folded trace: one small class for each way to come by a value."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ...events import UNKNOWN
from ...packing import meaning_at
from ...packing.block import Variable
from .layout import LOOSE, Layout
from .numbering import Numbering


class Same:
    """Site, place and status: the same for all instances of a template."""

    fixed = True

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout = layout
        self._name = name
        self._loose: array[int] = getattr(layout.loose, name)

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        layout = self._layout
        pattern = layout.pattern[part]
        if pattern == LOOSE:
            at = layout.at[part]
            return self._loose[at : at + layout.calls(part)]
        column: array[int] = getattr(layout.patterns[pattern], self._name)
        return column

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        return [self.value(parts[0], call)] * len(parts)

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        layout = self._layout
        pattern = layout.pattern[part]
        if pattern == LOOSE:
            return self._loose[layout.at[part] + call]
        column: array[int] = getattr(layout.patterns[pattern], self._name)
        return column[call]


class Thread:
    """The number of the thread: one for a part."""

    fixed = False

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        return array("i", [self._layout.thread(part)]) * self._layout.calls(part)

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        return [self.value(parts[0], call)] * len(parts)

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        return self._layout.thread(part)


class Parent:
    """The row of the call above: in the same instance, or loose."""

    fixed = False

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        layout = self._layout
        if layout.pattern[part] == LOOSE:
            return [self.value(part, call) for call in range(layout.calls(part))]
        first, top = layout.first[part], self._row(layout.parent[part])
        parents = layout.patterns[layout.pattern[part]].parents
        return [top if above < 0 else first + above for above in parents]

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        return [self.value(part, call) for part in parts]

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        layout = self._layout
        pattern = layout.pattern[part]
        if pattern == LOOSE:
            return self._row(layout.loose.parent[layout.at[part] + call])
        above = layout.patterns[pattern].parents[call]
        return self._row(layout.parent[part]) if above == UNKNOWN else layout.first[part] + above

    def _row(self, loose: int) -> int:
        return UNKNOWN if loose == UNKNOWN else self._layout.loose.row[loose]


class Number:
    """Inputs, output and error: numbers into tables that grow by looking."""

    fixed = False

    def __init__(self, layout: Layout, numbering: Numbering, sort: int, loose: array[int]) -> None:
        """`sort`: of which numbers; `loose`: those of the loose calls."""
        self._layout = layout
        self._numbering = numbering
        self._sort = sort
        self._loose = loose
        self._constants: dict[tuple[int, int], int] = {}
        self._asked: tuple[tuple[Sequence[int], int, list[int]], ...] = ()

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        layout = self._layout
        if layout.pattern[part] == LOOSE:
            at = layout.at[part]
            return self._loose[at : at + layout.calls(part)]
        pattern = layout.patterns[layout.pattern[part]]
        bounds = pattern.template.shape.bounds
        start, end = bounds[self._sort - 1] if self._sort else 0, bounds[self._sort]
        variables = layout.variables(part)
        numbers = [UNKNOWN] * (len(variables) + 1)  # the last one is picked by UNKNOWN, which is -1
        for index in range(start, end):
            numbers[index] = self._number(part, variables[index])
        return pattern.pick[self._sort](numbers)

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        layout = self._layout
        index = layout.patterns[layout.pattern[parts[0]]].variables[self._sort][call]
        if index == UNKNOWN:
            return [UNKNOWN] * len(parts)
        variable = layout.variables(parts[0])[index]
        if isinstance(variable, int):
            return [self._number(parts[0], variable)] * len(parts)
        # The layers of a model share variables: the same parts are asked for the same one again and again.
        for asked, at, found in self._asked:
            if asked is parts and at == index:
                return found
        made = [self._number(part, variable) for part in parts]
        self._asked = ((parts, index, made), *self._asked[:63])
        return made

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        layout = self._layout
        if layout.pattern[part] == LOOSE:
            return self._loose[layout.at[part] + call]
        variable = layout.patterns[layout.pattern[part]].variables[self._sort][call]
        return UNKNOWN if variable == UNKNOWN else self._number(part, layout.variables(part)[variable])

    def _number(self, part: int, variable: Variable) -> int:
        layout = self._layout
        thread, _, tables = layout.blocks[layout.block[part]]
        if not isinstance(variable, int):
            return self._numbering.number(meaning_at(variable, tables, layout.at[part]))
        found = self._constants.get((thread, variable))
        if found is None:
            number = self._numbering.number(tables.meanings[variable])
            found = self._constants[thread, variable] = number
        return found
