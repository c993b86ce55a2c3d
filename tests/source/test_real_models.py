"""Listings of every forward of the architectures in the tests: nothing that ran is left out of them."""

from __future__ import annotations

import pytest
import torch

import tracelab
from tests.models import ZOO, Architecture
from tracelab.analyses.texts import Texts
from tracelab.calls import Listing, Trace
from tracelab.passes import Pass


def traced(entry: Architecture) -> Trace:
    model, inputs = entry.build(), entry.inputs()
    with torch.no_grad(), tracelab.trace(source="*.forward") as trace:
        model(**inputs)
    return trace


@pytest.mark.parametrize("entry", ZOO.values(), ids=lambda entry: entry.name)
def test_every_line_that_ran_is_in_the_listing_of_its_function(entry: Architecture) -> None:
    trace = traced(entry)
    recorded = {call.id for call in trace.calls if "lines" in call.facts}
    listings = trace.source()
    assert recorded
    assert sorted(call.id for listing in listings for call in listing.calls) == sorted(recorded)
    for listing in listings:
        assert listing.problem is None
        check(trace, listing)
        assert all(len(line) <= 80 for line in str(listing).splitlines())


def check(trace: Trace, listing: Listing) -> None:
    """What was recorded, against what the lines of a listing say."""
    for column in listing.columns:
        by_number = {line.number: line for line in column.lines}
        seen = column.calls[0].facts["lines"]
        assert isinstance(seen, Pass)
        for event in seen.lines:
            assert by_number[event.number].reached, (listing.name, event.number)
        # A parameter stands at its line; what a statement bound, at its first line.
        told = {name for line in column.lines for name in line.bound}
        _, layout = Texts(trace).of(seen, [seen])
        inner = {name for unit in layout.units for name in unit.inner}
        assert {name for event in seen.lines for name, _ in event.bound} <= told | inner
        made = {call.id for line in column.lines for call in line.calls}
        here = range(column.lines[0].number, column.lines[-1].number + 1)
        for child in column.calls[0].children:
            place = child.call_site
            if place is not None and place.file == listing.file and place.line in here:
                assert child.id in made
