"""What a describer keeps of one value."""

from __future__ import annotations

from typing import Any

from tracelab.describe import Describer
from tracelab.values import Spec

MODES: list[dict[str, bool]] = [{}, {"values": True}, {"stats": True}, {"values": True, "stats": True}]


def described(value: Any, **options: bool) -> Spec:
    """The spec of a value, which is the same as an argument of a call and as its result."""
    describer = Describer(**options)
    number = describer.see(value)
    signature = describer.signature((value,), {"named": value})
    specs = describer.specs()
    positional, ((name, named),) = describer.signatures()[signature]
    assert (name, specs[named], specs[positional[0]]) == ("named", specs[number], specs[number])
    return specs[number]
