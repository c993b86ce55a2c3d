"""Small real models with real tokenizers, built on the spot: something to trace with nothing but the install.

Each file here builds one: the genuine classes of `transformers` from a configuration of a few thousand
random weights, and a genuine tokenizer trained on a few sentences.  Nothing is downloaded, and the seed
is fixed, so the calls and the shapes are the same on every machine.  What such a model says is noise; the
way its code runs is that of the large one.

    from tracelab import demo
    run, about = demo.build("whisper")
    with tracelab.trace() as trace:
        run()

`torch` and `transformers` are imported when a demo is built, not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..errors import SetupError

NAMES = ("whisper", "llama", "bert", "t5")
"""The demos: one file of this folder each."""

Demo = tuple[Callable[[], Any], str]
"""Runs the whole pipeline of a model once, and one line that says what that is."""


def build(name: str) -> Demo:
    """Build the model and the tokenizer of one demo, which takes a moment; the result runs them."""
    if name not in NAMES:
        raise SetupError(f"there is no demo {name!r}; the demos are {', '.join(NAMES)}")
    try:
        demo: Demo = importlib.import_module(f".{name}", __name__).build()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(__name__):
            raise
        raise SetupError(
            f"the demos need {error.name}, which is not installed: pip install torch transformers tokenizers"
        ) from None
    return demo
