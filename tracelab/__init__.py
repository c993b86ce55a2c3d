"""tracelab shows what Hugging Face code really does.

    import tracelab

    with tracelab.trace() as trace:
        model.generate(**inputs, max_new_tokens=8)

    print(trace)                 # the folded call tree
    trace.steps()                # prefill and decode steps
    trace.find("WhisperEncoder.forward")
    trace.save("run.json")

    tracelab.show_batch(batch, tokenizer)    # each id with its token, mask and label

`tracelab --help` has the same for unmodified scripts.
"""

from __future__ import annotations

from .breakpoints import Breakpoint, breakpoint
from .calls import Call, Step, Trace
from .errors import BatchError, PatternWarning, ScriptError, SetupError, TraceFileError, TracelabError
from .exporters import load
from .session import reset, trace
from .tokenline import batch_text, show_batch
from .values import CacheSpec, ContainerSpec, ObjectSpec, ScalarSpec, TensorSpec, TensorStats, UnreadableSpec

__all__ = [
    "BatchError",
    "Breakpoint",
    "CacheSpec",
    "Call",
    "ContainerSpec",
    "ObjectSpec",
    "PatternWarning",
    "ScalarSpec",
    "ScriptError",
    "SetupError",
    "Step",
    "TensorSpec",
    "TensorStats",
    "Trace",
    "TraceFileError",
    "TracelabError",
    "UnreadableSpec",
    "batch_text",
    "breakpoint",
    "load",
    "reset",
    "show_batch",
    "trace",
]
