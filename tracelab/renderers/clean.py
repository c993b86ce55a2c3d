"""No name acts on a terminal: control characters are made visible before anything is shown.

A class, a module or an exception may be named by a stranger, and rich passes ESC through.  What could move
the cursor, change colours, hide text, turn its direction or break the line is written as its code point.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
LONGEST = 200
"""Longest name that is shown in full."""


def clean(name: object) -> str:
    """`name` as inert text on one line, at most `LONGEST` characters."""
    text = name if isinstance(name, str) else str(name)
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + "…" + text[-LONGEST // 2 :]
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable() and unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
