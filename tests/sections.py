"""Sections of a page that are made by a program: they stand between two comments and are never typed.

The section `benchmarks` stands between `<!-- benchmarks: begin -->` and `<!-- benchmarks: end -->`.
"""

from __future__ import annotations

from pathlib import Path


def section_of(text: str, name: str) -> str:
    """What stands between the two comments; ValueError if they are not there once each, in their order."""
    return parts(text, name)[1]


def rewrite(page: Path, name: str, inside: str) -> None:
    """Put a new section in the place of the old one."""
    before, _, after = parts(page.read_text(encoding="utf-8"), name)
    page.write_text(f"{before}{inside}{after}", encoding="utf-8")


def parts(text: str, name: str) -> tuple[str, str, str]:
    """The page up to and with the first comment, the section, the second comment and all below."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"{begin!r} and {end!r} must stand in the page once each, in this order")
    before, _, rest = text.partition(begin)
    inside, _, after = rest.partition(end)
    return before + begin, inside, end + after
