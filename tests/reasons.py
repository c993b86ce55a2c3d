"""Programs whose calls are asked for their reasons, in a file that lies in a `site-packages` of its own.

So their lines are shown like those of a package, `whys_of_tests.py:12`, wherever the tests run.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import tracelab
from tracelab.calls import Trace

NAME = "whys_of_tests"

PROGRAM = """\
import functools

import torch
from torch import nn


def whisper(model, features):
    return model.generate(features, language="en", max_new_tokens=2)


def forward(model, **inputs):
    return model(**inputs)


def tokens(tokenizer):
    return tokenizer("some words", return_tensors="pt")


def loud(function):
    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    return wrapper


class Base(nn.Module):
    def forward(self, x, *rest, scale=1, **more):
        return x * scale


class Mine(Base):
    @loud
    def forward(self, x, *rest, scale=1, **more):
        return super().forward(x, scale=scale)


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Mine(), Mine()])

    def forward(self, x):
        for part in self.parts:
            x = part(x, 1, scale=2, color="red")
        return x


def own():
    return Outer()(torch.ones(2))
"""


def line_of(text: str) -> int:
    """The line of the program that has this text."""
    return next(number for number, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


@contextmanager
def program(folder: Path) -> Iterator[Any]:
    """The module, while it can be imported."""
    packages = folder / "site-packages"
    packages.mkdir(exist_ok=True)
    (packages / f"{NAME}.py").write_text(PROGRAM)
    sys.path.insert(0, str(packages))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(packages))
        sys.modules.pop(NAME, None)


def traced(run: Any, *args: Any, **kwargs: Any) -> Trace:
    """The trace of one call, saved nowhere."""
    with torch.no_grad(), tracelab.trace() as trace:
        run(*args, **kwargs)
    assert trace.internal_errors == 0
    return trace
