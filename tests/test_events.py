"""The codes of the rows never collide, and what is shared by many calls works as a key."""

from __future__ import annotations

import dataclasses

import pytest

from tracelab.events import (
    FACT,
    UNKNOWN,
    Lane,
    Place,
    Recording,
    Signature,
    Site,
    Visit,
    raised,
    returned,
)

SITE = Site("method", "Model", "Base", "generate", "Model", "")


def test_the_codes_of_the_first_depths() -> None:
    assert [returned(depth) for depth in range(3)] == [-2, -4, -6]
    assert [raised(depth) for depth in range(3)] == [-3, -5, -7]


def test_every_code_means_one_thing() -> None:
    entries = set(range(5000))  # visit ids
    ends = {returned(depth) for depth in range(5000)} | {raised(depth) for depth in range(5000)}
    assert len(ends) == 10_000
    assert max(ends) < FACT < 0
    assert not ends & entries
    assert UNKNOWN not in entries


@pytest.mark.parametrize(
    ("owner", "function", "name"),
    [
        ("Model", "forward", "Model.forward"),
        ("", "softmax", "softmax"),
        ("Outer.Inner", "f", "Outer.Inner.f"),
    ],
)
def test_the_name_that_patterns_match(owner: str, function: str, name: str) -> None:
    assert Site("method", owner, "Base", function).name == name


def test_a_site_is_a_key_and_cannot_be_changed() -> None:
    twin = dataclasses.replace(SITE)
    assert twin is not SITE
    assert {SITE: 1}[twin] == 1
    # None is "no model", "" is the root itself: two sites, not one
    assert (
        len({SITE, dataclasses.replace(SITE, path=None), dataclasses.replace(SITE, aliases=("tied",))}) == 3
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        SITE.path = "other"  # type: ignore[misc]


def test_places_visits_and_signatures_are_keys() -> None:
    assert {Place("a.py", 1), Place("a.py", 1), Place("a.py", 2)} == {("a.py", 1), ("a.py", 2)}
    assert Visit(0, 1, 2)._fields == ("site", "place", "depth")
    assert Signature((1,), (("x", 2),)) != Signature((1, 2), ())


def test_recordings_and_lanes_share_nothing() -> None:
    one, other = Recording(), Recording()
    for field in dataclasses.fields(Recording):
        value = getattr(one, field.name)
        assert isinstance(value, int) or value is not getattr(other, field.name), field.name
    assert Lane("a").rows is not Lane("a").rows
