"""Pipelines: the steps around the model in `pipeline("text-classification", ...)`.

`Pipeline.forward` is a method of the pipeline, not of a module; the model's own forward is a call below it.
With a dataset or generator as input the work happens lazily, after `__call__` has returned.
"""

from __future__ import annotations

from .families import Family

FAMILIES = (
    Family(
        base="transformers.pipelines.base:Pipeline",
        names=("__call__", "preprocess", "forward", "postprocess"),
    ),
)
