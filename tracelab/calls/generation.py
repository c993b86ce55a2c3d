"""One run of a decoding loop, summed up."""

from __future__ import annotations

from dataclasses import dataclass, field

from .call import Call
from .step import Step


@dataclass(frozen=True, slots=True)
class Generation:
    """One run of a decoding loop: what it did, what decided, why it stopped, where its time went.

    `mode`: greedy, sample, beam, assisted, ...  `processors`: the logits processors that ran, in order.
    `stopped_by`: for each sequence what finished it, or one word for all.  `drafted`, `accepted`: tokens of
    an assistant, None without one.  `mask_dropped`: `generate` was given a mask and left it out, as it
    does where all of it is ones.

    Seconds: `total` of the whole loop, `prefill` from its beginning to the end of the prompt's model call,
    `decode` and `decode_p95` median and 95th percentile of the time from one new token to the next.
    `inside`: share of `total` that was spent in the model's calls, the rest is Python around them; None
    where a compiled model hides its time.
    `tracer`: share that tracelab itself took, by the price of a call measured in that process; None
    where it was not measured.
    """

    loop: Call
    steps: tuple[Step, ...] = field(repr=False)
    mode: str | None = None
    processors: tuple[str, ...] = ()
    stopped_by: tuple[str, ...] = ()
    drafted: int | None = None
    accepted: int | None = None
    mask_dropped: bool = False
    total: float = 0.0
    prefill: float | None = None
    decode: float | None = None
    decode_p95: float | None = None
    inside: float | None = None
    tracer: float | None = None
