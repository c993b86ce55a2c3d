"""Pipelines: the steps around the model in `pipeline("text-classification", ...)`.

`Pipeline.forward` is a method of the pipeline, not of a module; the model's own forward is a call below it.
What turns its logits into scores are plain functions (`softmax`, `sigmoid`), calls below `postprocess`;
some pipelines ask the tensor instead.  With a dataset or generator as input the work happens lazily, after
`__call__` has returned.
"""

from __future__ import annotations

from .families import Family
from .functions import Functions

FAMILIES = (
    Family(
        base="transformers.pipelines.base:Pipeline",
        names=("__call__", "preprocess", "forward", "postprocess"),
    ),
)

FUNCTIONS = tuple(
    Functions(place=f"transformers.pipelines.{task}", names=("softmax", "sigmoid"), kind="function")
    for task in ("text_classification", "image_classification")
)
