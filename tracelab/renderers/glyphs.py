"""The signs of a tree, and what stands for them where only ASCII can be written.

Lines are made with the real signs.  A stream that cannot encode them (cp1252, ascii, LANG=C) gets the
stand-ins, and what is still not ASCII in a name becomes an escape.
"""

from __future__ import annotations

_ASCII = {
    "×": "x",
    "→": "->",
    "…": "...",
    "–": "-",
    "·": "|",
    "✗": "X",
    "±": "+-",
    "├": "|",
    "└": "`",
    "│": "|",
    "─": "-",
}
_BRANCHES = {"├ ": "|-", "└ ": "`-"}
SIGNS = "".join(_ASCII)


def to_ascii(text: str) -> str:
    """`text` in ASCII only."""
    if text.isascii():
        return text
    for sign, stand_in in _BRANCHES.items():
        text = text.replace(sign, stand_in)
    replaced = "".join(_ASCII.get(character, character) for character in text)
    return replaced.encode("ascii", "backslashreplace").decode("ascii")


def can_write(encoding: str) -> bool:
    """Whether a stream of this encoding can show all signs."""
    try:
        SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
