"""Module calls: every `nn.Module.__call__`.

One wrapper on the class sees every module with its keyword arguments and its output as the caller gets it,
also for KeyboardInterrupt, for modules made during the run and for modules whose `forward` was replaced on
the instance.  It leaves `inspect.signature(model.forward)` alone and is not carried along by deepcopy or
pickle, as a patch on `forward` or on the instance would be.  Torch's global hooks are given no keyword
arguments before the call, see other values where a module has hooks of its own, do not run for
KeyboardInterrupt, break `torch.compile(fullgraph=True)`, and cost more than an empty wrapper even when they
are empty themselves.
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
