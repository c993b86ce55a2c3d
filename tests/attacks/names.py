"""Names that would like to act where they are shown: on a terminal, in markup, HTML, XML, JSON, a file name.

`EVIL` has one of each kind.  `acts` finds in a text whatever would still act.
"""

from __future__ import annotations

import unicodedata

EVIL = {
    "colour": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;pwned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJm\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "device control": "\x1bP+q544e\x1b\\",
    "application": "\x1b_payload\x1b\\",
    "C1": "\x9b31m\x9d0;pwned\x9c",
    "bell and backspace": "safe\x07\x08\x08\x08\x08evil",
    "carriage return": "good\rEVIL",
    "newline": "a\nroot · 1 call\ntracelab: fake error\n",
    "separators": "a\u2028b\u2029c\x0b\x0c\x85d",
    "null": "a\x00b",
    "bidi": "\u202egnp.exe\u202c\u2066x\u2069\u200f",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe\u00ade",
    "tags": "a\U000e0041\U000e007f",
    "private and unassigned": "\ue000\U0010ffff\u0378",
    "surrogate": "\ud800x\udfff",
    "markup": "[red]x[/red][link=http://evil.example]y[/link]",
    "markup that is broken": "[/nothing][bold",
    "emoji": ":smile:",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entities": "&lt;b&gt;&#27;",
    "XML": "]]><svg onload=alert(1)>\"'",
    "JSON": '","evil":["',
    "format": "%s%n{0.__class__}{x!r}",
    "path": "../../etc/passwd",
    "spreadsheet": "=cmd|'/c calc'!A1",
    "long": "x" * 100_000,
    "empty": "",
    "blanks": "   \u3000\u00a0",
}

SIGNS = frozenset("\n")


def acts(text: str) -> set[str]:
    """The characters in a shown text that act instead of being seen; lines may end."""
    categories = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {sign for sign in set(text) - SIGNS if unicodedata.category(sign) in categories}
