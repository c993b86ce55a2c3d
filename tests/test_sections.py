"""A made section replaces the old one, and nothing else of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sections import rewrite, section_of

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def test_the_section_is_rewritten_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert section_of(page.read_text(encoding="utf-8"), "figures") == "\nold\n"
    for new in ("\n| a |\n", "\nnew\n"):
        rewrite(page, "figures", new)
        assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}{new}{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"])
def test_a_page_without_its_comments_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="once each"):
        rewrite(page, "figures", "new")
    assert page.read_text(encoding="utf-8") == text
