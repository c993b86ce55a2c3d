"""What every attack gets: a place for its figures; and what several need: programs that may die."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tracelab

from ..attacks.victims import Nursery, names
from ..models import ZOO
from .figures import Figures


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where programs die."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Counts for the README: `figures("files fuzzed", 10_000)`."""
    return Figures(request.module.__name__)


@pytest.fixture(scope="session")
def expected() -> list[str]:
    """The calls of one `generate`."""
    net, feed = ZOO["llama"].build(), ZOO["llama"].generate_arguments()
    net.generate(**feed)
    with tracelab.trace() as trace:
        net.generate(**feed)
    facts = ZOO["llama"].generation
    assert facts is not None
    assert sum(call.kind == "module" for call in trace.calls) == facts.calls
    return names(trace)
