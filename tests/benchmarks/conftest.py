"""What trying out the benchmark program needs, and measuring with it must not have."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def little_to_collect(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each run begins with a full collection: of all that a process of tests has loaded, it takes 0.1 s."""
    if request.node.get_closest_marker("bench") is not None:
        yield
        return
    gc.freeze()
    yield
    gc.unfreeze()
