"""Why a call ran what it ran: the lines that led there, the MRO that decided, the arguments that passed by.

What only the live classes knew was kept with the trace (`Lineage`): the MRO, what stands around the function,
which lines of it call on.  What the lines say is read now, from the installed files, and only from those that
are still the ones that were traced (`sourcetext`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..calls import Call, Trace
from ..calls.why import CALLER, RAN, WAY, CodeLine, Given, Hop, Why
from ..events import UNKNOWN, Lineage
from ..sourcetext import DIFFERENT, SOURCELESS, Text, find
from .statements import binding, function_at

MOST = 3
"""So many lines of one hop are shown."""

OLD = "this trace keeps no MRO and no decorators: it was written by an earlier tracelab"
UNCERTAIN = "some lines are of the version installed here: the trace has no digest of the file"
NOWHERE = "no line of Python made this call"


def why(trace: Trace, call: Call) -> Why:
    """The way from the line that made `call` to the function that ran."""
    site = call.site
    known = site.lineage is not None and site.lineage < len(trace.columns.lineages)
    lineage = trace.columns.lineages[site.lineage] if known and site.lineage is not None else Lineage()
    reader = _Reader(trace)
    place = call.call_site
    hops = [] if place is None else [reader.caller(place.file, place.line)]
    hops += [reader.hop(WAY, layer.function, layer.file, layer.line, layer.calls) for layer in lineage.layers]
    hops.append(reader.end(call))
    notes = [
        *([NOWHERE] if place is None else []),
        *([] if known else [OLD]),
        *([UNCERTAIN] if reader.uncertain else []),
    ]
    return Why(
        call=call,
        hops=tuple(hops),
        classes=lineage.classes,
        ran=lineage.ran,
        own=lineage.own,
        arguments=_arguments(trace, call, lineage if known else None),
        notes=tuple(notes),
    )


class _Reader:
    """Reads lines of the files that a trace names."""

    def __init__(self, trace: Trace) -> None:
        self._digests = trace.columns.sources
        self.uncertain = False

    def caller(self, file: str, line: int) -> Hop:
        """The function that has the line that made the call."""
        text = self._text(file)
        around = function_at(text.lines, line) if text.problem is None else None
        return self.hop(CALLER, around, file, None, (line,), text)

    def hop(
        self,
        kind: str,
        function: str | None,
        file: str | None,
        line: int | None,
        calls: tuple[int, ...],
        text: Text | None = None,
    ) -> Hop:
        """A function, with the lines that call on and the line that binds what they call."""
        text = self._text(file) if text is None else text
        numbers = list(calls[:MOST])
        bound = binding(text.lines, numbers[0]) if numbers and text.problem is None else None
        hop = self._made(kind, function, file, line, numbers or ([] if line is None else [line]), text)
        if bound is None or bound in numbers:
            return hop
        return replace(hop, lines=(CodeLine(bound, text.line(bound), True), *hop.lines[: MOST - 1]))

    def end(self, call: Call) -> Hop:
        """The function that ran, with its `def`."""
        site = call.site
        text = self._text(site.file)
        written = text.line(site.line)
        if written is not None and not re.search(r"\b(def|lambda)\b", written):
            text = Text(problem=DIFFERENT)
        numbers = [] if site.line is None else [site.line]
        around = function_at(text.lines, numbers[0]) if numbers and text.problem is None else None
        name = around or site.function
        if "." not in name and site.defined_in:  # a function of a module
            name = f"{site.defined_in}.{name}"
        return self._made(RAN, name, site.file, site.line, numbers, text)

    def _made(
        self,
        kind: str,
        function: str | None,
        file: str | None,
        line: int | None,
        numbers: list[int],
        text: Text,
    ) -> Hop:
        lines = tuple([CodeLine(number, text.line(number)) for number in numbers])
        problem = text.problem
        if problem is None and any(one.text is None for one in lines):
            problem = DIFFERENT
        self.uncertain = self.uncertain or (problem is None and not text.certain and bool(lines))
        return Hop(kind, function, file, line, lines, problem)

    def _text(self, file: str | None) -> Text:
        return Text(problem=SOURCELESS) if file is None else find(file, self._digests.get(file))


def _arguments(trace: Trace, call: Call, lineage: Lineage | None) -> tuple[Given, ...]:
    """Each argument with its spec, and how it was given: by place or by name, to a parameter or swallowed."""
    columns = trace.columns
    number = columns.inputs[call.id]
    if number == UNKNOWN:
        return ()
    site, positional = call.site, len(columns.signatures[number].positional)
    found = []
    for at, (name, spec) in enumerate(call.inputs.items()):
        if at < positional:
            how = "positional" if at < len(site.parameters) else f"positional, into *{site.varargs or 'args'}"
        elif lineage is None or name in site.parameters or name in lineage.keywords:
            how = "keyword"
        elif lineage.kwargs:
            how = f"keyword, into **{lineage.kwargs}"
        else:
            how = "keyword, no parameter of it"
        found.append(Given(name, spec, how))
    return tuple(found)
