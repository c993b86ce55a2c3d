"""Why a call was made and ran what it ran, on one screen.

Why WhisperForConditionalGeneration.forward · call 68 · step 0
GenerationMixin._prefill  transformers/generation/utils.py:4319
    4319  return self(**model_inputs, return_dict=True)
→ Module.__call__  torch/nn/modules/module.py:1778
    1778  return self._call_impl(*args, **kwargs)
...
→ WhisperForConditionalGeneration.forward  transformers/.../modeling_whisper.py:1036
    1036  def forward(
MRO: the first class that has forward gives it
  WhisperForConditionalGeneration  transformers/.../modeling_whisper.py:1036  ran
  ...
arguments
  decoder_input_ids  i64[1,4]  keyword
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import IO

from ..calls.why import RAN, Given, Hop, Why
from .clean import clean
from .guest import cell_len, chop_cells
from .labels import Label
from .layout import DEFAULT_WIDTH, SHORTEST, Page, Row
from .parts import Part
from .screen import Screen, plain

ARGUMENTS = 10
"""So many arguments are shown; `--json` has all."""

CODE = 10
"""Cells before a line of code: its number."""

_PACKAGE = re.compile(r".*[/\\](?:site-packages|dist-packages|python3\.\d+)[/\\]")


def text(why: Why, width: int = DEFAULT_WIDTH) -> str:
    """The answer without colours."""
    return "\n".join(plain(row) for row in rows(why, Page(width)))


def show(
    why: Why, *, width: int | None = None, ascii: bool | None = None, file: IO[str] | None = None, of: int = 1
) -> None:
    """Print the answer; `of`: so many calls were meant by what was asked for."""
    screen = Screen(file, width, ascii)
    screen.write(rows(why, screen.page))
    if of > 1:
        words = f"the first of {of:,} calls that match; name another one by its number"
        screen.write([screen.page.words(words, "note")])


def rows(why: Why, page: Page) -> Iterator[Row]:
    """All lines."""
    call = why.call
    step = f" · step {call.step}" if call.step is not None else ""
    yield page.words(f"Why {clean(call.name)} · call {call.id}{step}", "header")
    if call.path:
        yield page.words(f"at {clean(call.path)} of {clean(call.root)}", "note")
    for number, hop in enumerate(why.hops):
        yield from _hop(hop, "→ " if number else "", page)
    yield from _classes(why, page)
    if why.arguments:
        yield page.words("arguments", "header")
    for given in why.arguments[:ARGUMENTS]:
        yield _argument(given, page)
    if len(why.arguments) > ARGUMENTS:
        yield page.words(f"  and {len(why.arguments) - ARGUMENTS} more", "note")
    for note in why.notes:
        for piece in _wrapped(f"note: {clean(note)}", page, 0):
            yield page.words(piece, "note")


def _hop(hop: Hop, arrow: str, page: Page) -> Iterator[Row]:
    name = hop.function or ("<module>" if hop.function == "" else "?")
    several = "  one of these" if sum(not line.binds for line in hop.lines) > 1 else ""
    called = hop.lines[-1].number if hop.lines else hop.line
    yield _placed(
        page, f"{arrow}{clean(name)}", (hop.file, called), several, "name" if hop.kind == RAN else "method"
    )
    if hop.problem is not None:
        yield page.words(f"{'':10}{hop.problem}", "warning")
        return
    for line in hop.lines:
        code = clean((line.text or "?").expandtabs(4).strip())
        for number, piece in enumerate(_wrapped(code, page, CODE)):
            before = f"{line.number:>8}  " if number == 0 else " " * CODE
            yield page.place("", Label([Part(before, "note"), Part(piece, "")]))


def _classes(why: Why, page: Page) -> Iterator[Row]:
    function = clean(why.call.function)
    if why.own:
        yield page.words(f"the object has a {function} of its own, which goes before every class", "header")
    if not any(level.has_it for level in why.classes):
        return
    rule = "the first class that has it gives it"
    if why.own or why.overriding:
        rule = "none of them was asked" if why.own else "those before it were passed by"
    yield page.words(f"MRO: who has {function}; {rule}", "header")
    without: list[str] = []
    for at, level in enumerate(why.classes):
        if not level.has_it:
            without.append(clean(level.name))
            continue
        yield from _listed(without, page)
        without = []
        role = _role(why, at)
        mark, style = ("  > ", "name") if role.startswith("ran") else ("    ", "owner")
        yield _placed(page, f"{mark}{clean(level.name)}", (level.file, level.line), f"  {role}", style)
    yield from _listed(without, page)


def _role(why: Why, at: int) -> str:
    """What became of the function that a class has."""
    is_it = why.is_what_ran(why.classes[at])
    if at == why.ran:
        return "ran" if is_it else "gave it; what ran is another"
    if why.ran is None:
        return "ran, by way of that one" if is_it else "not asked"
    if is_it:  # a wrapper was put on a class that inherits it
        return "the same function"
    return "overridden" if at > why.ran else "overrides it"


def _listed(names: list[str], page: Page) -> Iterator[Row]:
    """Classes that have it not."""
    for piece in _wrapped(", ".join(names), page, 4):
        yield page.words(f"    {piece}", "note")


def _argument(given: Given, page: Page) -> Row:
    """The spec is cut where the line would get too long."""
    name, spec, how = f"  {clean(given.name)}  ", clean(str(given.spec)), f"  {clean(given.how)}"
    if page.width is not None:
        spec = _cut(spec, max(page.width - cell_len(name + how), SHORTEST))
    return page.place(
        "", Label([Part(name, "", shrinks=True), Part(spec, "shape"), Part(how, "note", rank=1)])
    )


def _placed(page: Page, name: str, place: tuple[str | None, int | None], role: str, style: str) -> Row:
    """A name and where it is written; of the folders only so many as fit, the file itself always."""
    file, line = place
    source = None if file is None or line is None else (file, line)
    where = "no source" if source is None else _place(*source)
    if page.width is not None:
        room = page.width - cell_len(f"{name}  {role}")
        where = _tail(where, max(room, cell_len(where.rpartition("/")[2]) + 1))
    parts = [Part(name, style, shrinks=True), Part(f"  {where}", "note"), Part(role, "note")]
    return page.place("", Label(parts, source=source))


def _place(file: str, line: int) -> str:
    """`transformers/generation/utils.py:4319`; of a file of the user's own the whole name."""
    name = _PACKAGE.sub("", file).replace("\\", "/")
    return clean(f"{name}:{line}")


def _wrapped(words: str, page: Page, indent: int) -> list[str]:
    """Words on as many lines as they need."""
    if not words or page.width is None:
        return [words] if words else []
    return textwrap.wrap(words, max(page.width - indent, SHORTEST))


def _cut(words: str, room: int) -> str:
    """The beginning."""
    return words if cell_len(words) <= room else f"{chop_cells(words, room - 1)[0]}…"


def _tail(words: str, room: int) -> str:
    """The end."""
    return words if cell_len(words) <= room else f"…{chop_cells(words[::-1], room - 1)[0][::-1]}"
