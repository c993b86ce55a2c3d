"""What differs between two things that were recorded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    `kind`: missing (only the first has it), extra (only the second), shape, dtype, argument, value, token.
    `path`: where; layers that differ alike share one, `model.layers.(0-3).self_attn`.  `a`, `b`: what the
    first and the second have there, as text.  `delta`: by how much numbers differ, where that is known.
    """

    kind: str
    path: str
    a: str = ""
    b: str = ""
    delta: float | None = None

    def __str__(self) -> str:
        if self.kind == "missing":
            return f"only in the first: {self.path}{self.a and ' ' + self.a}"
        if self.kind == "extra":
            return f"only in the second: {self.path}{self.b and ' ' + self.b}"
        return f"{self.path}: {self.a or '-'} → {self.b or '-'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two things, the first one first; none where they are the same."""

    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def first(self) -> Difference | None:
        """The difference that came first, None where there is none."""
        return self.differences[0] if self.differences else None

    def __str__(self) -> str:
        return "\n".join(map(str, self.differences)) or "no difference"
