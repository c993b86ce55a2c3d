"""What every attack gets: a place for its figures."""

from __future__ import annotations

import pytest

from .figures import Figures


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Counts for the README: `figures("files fuzzed", 10_000)`."""
    return Figures(request.module.__name__)
