"""What all blocks of a lane share: templates, forms, and meanings that did not move.

Blocks hold no numbers of the recorder, because those may be forgotten; they hold ids into these tables, which
only grow.  One thread writes, any thread may read: an id is given out after its entry is in place.
"""

from __future__ import annotations

from ..events import Visits
from ..forms import NOTHING, Form, Meaning, Sizes
from .template import Group, Seen, Shape, Template


class Tables:
    """The tables of one lane."""

    def __init__(self, visits: Visits) -> None:
        """`visits`: the table of the recording that entry codes are ids of; it may grow."""
        self.visits = visits
        self.forms: list[Form] = [NOTHING]
        self.meanings: list[Meaning] = [Meaning(NOTHING, ())]
        self.templates: list[Template] = []
        self.groups: dict[bytes, Group] = {}
        self.form_ids: dict[Form, int] = {NOTHING: 0}
        self._meaning_ids: dict[tuple[int, Sizes], int] = {(0, ()): 0}
        self._seen = Seen(4096)

    def form(self, form: Form) -> int:
        """The id of a form."""
        number = self.form_ids.get(form)
        if number is None:
            number = len(self.forms)
            self.forms.append(form)
            self.form_ids[form] = number
        return number

    def meaning(self, form: int, sizes: Sizes) -> int:
        """The id of a form with these sizes."""
        key = (form, sizes)
        number = self._meaning_ids.get(key)
        if number is None:
            number = len(self.meanings)
            self.meanings.append(Meaning(self.forms[form], sizes))
            self._meaning_ids[key] = number
        return number

    def group(self, codes: bytes) -> Group | None:
        """The group of segments with these codes, made at their second sight."""
        if not self._seen.again(hash(codes)):
            return None
        made = self.groups[codes] = Group(codes, self.visits)
        return made

    def template(self, shape: Shape, forms: tuple[int, ...]) -> Template | None:
        """The template of a shape with these forms; None for one that is not worth it yet."""
        found = shape.templates.get(forms)
        if found is not None:
            return found
        if len(shape.templates) >= 4 and not shape.seen.again(hash(forms)):
            return None
        found = Template(len(self.templates), shape, forms)
        self.templates.append(found)
        shape.templates[forms] = found
        return found
