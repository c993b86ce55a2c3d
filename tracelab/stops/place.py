"""Where to stop: a pattern as in `source=`, and the step, which may stand behind it: `PATTERN@4`."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SetupError
from ..lines import Choice


@dataclass(frozen=True, slots=True)
class Place:
    """The callees that are meant, and the step of a generation or training; None for each call."""

    choice: Choice
    step: int | None = None

    @classmethod
    def parse(cls, pattern: object, step: object = None) -> Place:
        """Read `PATTERN` or `PATTERN@STEP`.  SetupError for anything else."""
        if type(pattern) is not str or not pattern.strip():
            raise SetupError(
                f"a breakpoint at {pattern!r} is not possible; it is a pattern such as "
                "'model.layers.3.self_attn', 'LlamaAttention.forward' or 'modeling_llama.py'"
            )
        name, at, number = pattern.strip().rpartition("@")
        if at and number.isdecimal() and step is None:
            pattern, step = name, int(number)
        if step is not None and (type(step) is not int or step < 0):
            raise SetupError(f"step={step!r} is not possible; it is a number from 0 on, or None for all")
        return cls(Choice.parse(pattern), step)

    def __str__(self) -> str:
        return str(self.choice) if self.step is None else f"{self.choice}@{self.step}"
