"""The small parts of a drawing: clean names, ASCII stand-ins, shortening, links, the picture."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from tests.analyses.recorded import whisper
from tracelab.renderers.clean import LONGEST, clean
from tracelab.renderers.glyphs import SIGNS, can_write, to_ascii
from tracelab.renderers.layout import DEEPEST, Page, guides
from tracelab.renderers.picture import svg
from tracelab.renderers.screen import link
from tracelab.renderers.theme import STYLES


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("WhisperModel", "WhisperModel"),
        ("Größe模型", "Größe模型"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x9bb", "a\\x9bb"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("a\ud800b", "a\\ud800b"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("", ""),
        (None, "None"),
    ],
)
def test_clean(name: object, shown: str) -> None:
    assert clean(name) == shown


@given(st.text(max_size=LONGEST + 50))
def test_what_is_clean_is_one_inert_line(name: str) -> None:
    shown = clean(name)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in shown)
    assert len(shown) <= 10 * (LONGEST + 1)
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_every_sign_has_a_stand_in() -> None:
    assert to_ascii(SIGNS).isascii()
    assert "\\" not in to_ascii(SIGNS)
    assert to_ascii("×4 → é") == "x4 -> \\xe9"


@pytest.mark.parametrize(
    ("encoding", "possible"), [("utf-8", True), ("ascii", False), ("cp1252", False), ("x", False)]
)
def test_encodings(encoding: str, possible: bool) -> None:
    assert can_write(encoding) is possible


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf")), max_size=40), st.integers(0, 30)
)
def test_shortened_text_fits(name: str, width: int) -> None:
    assert cell_len(Page().shorten(name, width)) <= width
    assert cell_len(Page(ascii=True).shorten(to_ascii(name), width)) <= width


def test_shortening_keeps_both_ends_of_a_name_and_the_start_of_a_list() -> None:
    assert Page().shorten("WhisperForConditionalGeneration", 11) == "Whisp…ation"
    assert Page(ascii=True).shorten("WhisperForConditionalGeneration", 11) == "Whis...tion"
    assert Page().shorten("first, second, third", 11) == "first, sec…"
    assert Page().shorten("short", 5) == "short"


def test_guides() -> None:
    assert guides([True], 0) == ""
    assert guides([False, False], 1) == "├ "
    assert guides([False, True, False, True], 3) == "  │ └ "
    assert guides([True] * 2000, 1000) == "│ │ … level 1001: "
    assert cell_len(guides([True] * (DEEPEST + 1), DEEPEST)) == 2 * DEEPEST


def test_a_file_in_the_home_directory_is_linked_in_the_reader_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    assert link(("~/venv/modeling.py", 7)) == "file:///home/reader/venv/modeling.py#7"
    assert link(("~other/modeling.py", 7)) is None


def test_links() -> None:
    assert link(("/a b/c.py", 7)) == "file:///a%20b/c.py#7"
    assert link(("relative.py", 7)) is None
    assert link(None) is None


def test_every_style_is_known_to_rich() -> None:
    for style in STYLES.values():
        Style.parse(style)


def test_the_picture_is_a_picture() -> None:
    drawn = svg(whisper(), "whisper")
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "WhisperDecoderLayer" in drawn
    # At least one text element for each of the first ten lines.
    assert sum(element.tag.endswith("}text") for element in root.iter()) > 10


def test_the_picture_fetches_nothing() -> None:
    drawn = svg(whisper(), "whisper")
    assert "url(" not in drawn.replace("url(#", "")  # `#` points into the picture itself
    assert "@import" not in drawn
    assert "href" not in drawn
