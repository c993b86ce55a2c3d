"""Module calls: every `nn.Module.__call__`.

One wrapper on the class sees every module with its keyword arguments and its output as the caller gets it,
also for KeyboardInterrupt, for modules made during the run and for modules whose `forward` was replaced on
the instance.  It does not switch `nn.TransformerEncoderLayer` off its fast path, is not carried along by
deepcopy or pickle, and leaves `inspect.signature(model.forward)` alone.  Torch's own global hooks do
none of that, and cost more even when they are empty.
"""

from __future__ import annotations

from .families import Family

FAMILIES = (
    Family(
        base="torch:nn.Module",
        names=("__call__",),
        kind="module",
        subclasses=False,  # no class of transformers overrides __call__ without calling this one
        by_object=True,
    ),
)
