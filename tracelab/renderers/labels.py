"""The words on one line of the tree.

    WhisperForConditionalGeneration.generate  defined in WhisperGenerationMixin
    .generate  defined in GenerationMixin                (a method that calls another one of the same object)
    model.encoder WhisperEncoder                         (a module: its place in the module around it)
    layers.0–3 ×4 WhisperDecoderLayer
    steps 1–5 decode ×5  kv 4…8
    self_attn WhisperAttention  +23 calls                (what is hidden below)

A label is a list of parts.  A part with a `rank` may be left out where the line gets too long, the highest
rank first; `shrinks` marks the names that may be shortened in the middle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..analyses.batches import batch_text
from ..analyses.folding import numbered
from ..analyses.heads import applied, is_head, is_last
from ..analyses.lines import CALL, HELPERS, LEAVES, MORE, REPEAT, STACK, STEP, UNSEEN, Line
from ..analyses.loading import is_random
from ..analyses.outline import Outline
from ..analyses.repeats import summary
from ..calls import Call, Trace
from ..events import UNKNOWN
from .clean import clean
from .parts import Part
from .registered import registered
from .sayings import of_data, of_encoding

_HELPERS_NAMED = 3
"""Helpers are named to give an idea of them; `--no-fold` lists them all."""

ENOUGH = "_StopRecomputationError"
"""What leaves a checkpointed forward that autograd runs again, once it has run far enough."""

LEAST = 9
"""The rank of what matters less than all that is said of data."""

OPAQUE = "compiled: what runs inside is not seen"

Source = tuple[str, int]
"""File and line of a `def`."""


@dataclass(slots=True)
class Label:
    """The words of a line, the shapes that stand at its right end, and the source that it links to."""

    parts: list[Part]
    shapes: str = ""
    source: Source | None = None
    shapes_first: bool = False
    """Whether the shapes are left out before the words are."""


def label(outline: Outline, line: Line, open: bool) -> Label:
    """The words of `line`; `open` when the lines below it are shown."""
    made = _MAKERS[line.kind](outline, line)
    if line.expandable and not open:
        calls = outline.hidden(line)
        made.parts.append(Part(f"  +{calls} call{'' if calls == 1 else 's'}", "note"))
    return made


def _call_label(outline: Outline, line: Line) -> Label:
    call = outline.call(line)
    parts = _name(outline, line, call)
    if call.defined_in != call.owner and call.kind not in ("function", "loss"):
        parts.append(Part(f"  defined in {clean(call.defined_in)}", "note", rank=LEAST))
    parts += _loop_notes(outline, line)
    parts += _cache_note(outline, line, call)
    said = of_encoding(outline, line)
    parts += said
    parts += _unusual(outline, line.rows[0]) + of_data(outline, line)
    parts += registered(call) + _head_note(outline.trace, call) + _random_note(outline.trace, line, call)
    parts += _applied_note(call)
    if call.gap is not None:
        parts.append(Part(f"  ({clean(call.gap)} not called through __call__)", "warning", rank=1))
    if call.status == "error" and call.error != ENOUGH and not call.facts.get("exhausted"):
        parts.append(Part(f"  ✗ {clean(call.error)}", "error"))
    elif call.status == "open":
        parts.append(Part("  … not finished", "warning"))
    method = call.kind == "method"
    # What stands between `generate` and the steps only hands on what these show.
    between = method and call.path is not None and call.function.startswith("_")
    shapes = "" if between else _shapes(outline, line)
    words_first = bool(said) or (method and call.defined_in != call.owner)
    return Label(parts, shapes, _source(call), shapes_first=words_first)


def _shapes(outline: Outline, line: Line) -> str:
    """The shapes of a line; a symbolic size is a text, so it is cleaned like a name."""
    return clean(outline.shapes.text(line.rows)) if line.rows else ""


def _source(call: Call) -> Source | None:
    return None if call.file is None or call.line is None else (call.file, call.line)


def _name(outline: Outline, line: Line, call: Call) -> list[Part]:
    if call.kind != "module":
        parts = [Part(_method_name(outline, line, call), "method", shrinks=True)]
    elif not call.path:
        parts = [Part(_full_name(call), "name", shrinks=True)]
    else:
        parts = [Part(clean(_places(outline, line)), "path", shrinks=True)]
    if line.count > 1:
        parts.append(Part(f" ×{line.count}", "count"))
    if call.kind == "module" and call.path:
        parts.append(Part(f" {clean(call.owner)}", "owner", shrinks=True))
    return parts


def _full_name(call: Call) -> str:
    """`Owner.function`, with the number of the model where there are several of one class."""
    numbered_owner = call.path == "" and call.root is not None and call.root.partition("#")[0] == call.owner
    return clean(f"{call.root}.{call.function}" if numbered_owner else call.name)


def _method_name(outline: Outline, line: Line, call: Call) -> str:
    """`.sample` where the caller is a method of the same object, else `Owner.sample`."""
    if line.parent != UNKNOWN:
        caller = Call(outline.trace, line.parent).site
        if caller.kind == "method" and (caller.owner, caller.root) == (call.owner, call.root):
            return clean(f".{call.function}")
    return _full_name(call)


def _places(outline: Outline, line: Line) -> str:
    """`layers.0–3` for a stack, `decoder` for one module."""
    place = outline.keys.place(line.rows[0]) or ""
    first, last = numbered(place), numbered(outline.keys.place(line.rows[line.count - 1]))
    if line.kind != STACK or first is None or last is None:
        return place
    return f"{first[0]}{first[1]}–{last[1]}{first[2]}"


def _loop_notes(outline: Outline, line: Line) -> list[Part]:
    """How the loop chooses tokens, and what is in the rows of its batch."""
    facts = outline.loop_facts(line.rows[0])
    notes = []
    if facts.get("mode"):
        notes.append(Part(f"  {clean(facts['mode'])}", "note", rank=1))
    if "rows" in facts:
        text = batch_text(facts["rows"], facts)
        if "=" in text:
            notes.append(Part(f"  batch {text}", "note"))
    return notes


def _cache_note(outline: Outline, line: Line, call: Call) -> list[Part]:
    """The length of the cache where a program runs its own decoding loop: at a root model, outside steps."""
    if call.kind != "module" or call.path or call.step is not None:
        return []
    return _lengths([outline.shapes.cache_length(row) for row in line.rows])


def _head_note(trace: Trace, call: Call) -> list[Part]:
    """Which layers stand outside the base of their model, and which of them gives the logits."""
    if not is_head(trace, call):
        return []
    more = [Part(": logits, not probabilities", "note", rank=4)] if is_last(trace, call) else []
    return [Part("  head", "note", rank=2), *more]


def _applied_note(call: Call) -> list[Part]:
    """What a pipeline makes of logits: the calls below it do not show all of it."""
    if call.function != "postprocess" or call.path is not None:
        return []
    does = [word for word in applied(call) if word and word != "none"]
    return [Part(clean(f"  {', then '.join(does)}"), "note", rank=2)] if does else []


def _random_note(trace: Trace, line: Line, call: Call) -> list[Part]:
    """What is said of the first of several calls of a model; it may have learnt since."""
    later = len(line.rows) > 1 and is_random(trace, call)
    return [Part("  random at first", "note", rank=1)] if later else []


def _unusual(outline: Outline, row: int) -> list[Part]:
    """What ran in a call and cannot be seen, or ran twice."""
    call, found = Call(outline.trace, row), []
    if outline.marks.opaque(row):
        partly = outline.trace.columns.subtree_size(row) > 0
        words = "partly compiled: not all that runs inside is seen" if partly else OPAQUE
        found.append(Part(f"  {words}", "warning"))
    if outline.marks.again(row):
        words = "recomputed" if call.facts.get("recomputed") else "called in backward"
        found.append(Part(f"  {words}", "note"))
    if call.error == ENOUGH:
        found.append(Part("  stopped there, backward has all it needs", "note", rank=1))
    return found


def _lengths(lengths: Sequence[int | None]) -> list[Part]:
    return [Part(f"  kv {summary(lengths)}", "shape")] if lengths and None not in lengths else []


def _step_label(outline: Outline, line: Line) -> Label:
    first, last = line.passes
    numbers = f"step {first}" if first == last else f"steps {first}–{last}"
    seen = line.phase != UNSEEN
    parts = [Part(f"{numbers} {line.phase}" if seen else numbers, "step")]
    if line.count > 1:
        parts.append(Part(f" ×{line.count}", "count"))
    if not seen:
        parts.append(Part(f"  model call not recorded ({_why_unseen(outline, line)})", "warning"))
    parts += _lengths([step.cache_before for step in line.steps])
    return Label(parts, _shapes(outline, line))


def _why_unseen(outline: Outline, line: Line) -> str:
    """Why a pass may have no model call: what was captured before the trace hands on no call to us."""
    if outline.marks.opaque(line.parent):
        return "compiled"
    options = outline.trace.meta.get("options")
    if isinstance(options, dict) and options.get("see_through_compile"):
        return "compiled before the trace?"
    return "dropped?" if outline.trace.dropped else "compiled?"


def _repeat_label(outline: Outline, line: Line) -> Label:
    return Label(
        [Part(f"×{line.count}", "count"), Part(f" these {len(line.runs.first)} calls in turn", "note")]
    )


def _helpers_label(outline: Outline, line: Line) -> Label:
    if len(line.parts) == 1:
        made = _call_label(outline, line.parts[0])
        calls = outline.hidden(line.parts[0])
        if calls:
            made.parts.append(Part(f"  +{calls} helper call{'' if calls == 1 else 's'}", "note", rank=LEAST))
        made.shapes = ""
        return made
    names: Counter[str] = Counter()
    for part in line.parts:
        site = outline.call(part).site
        names[site.owner if site.function == "__call__" else site.function] += part.count
    texts = [clean(name) if count == 1 else f"{clean(name)} ×{count}" for name, count in names.items()]
    if len(texts) > _HELPERS_NAMED:
        texts = [*texts[: _HELPERS_NAMED - 1], f"… {len(texts) - _HELPERS_NAMED + 1} more"]
    total = sum(names.values())
    return Label([Part(f"{total} helpers: ", "note"), Part(", ".join(texts), "note", shrinks=True)])


def _leaves_label(outline: Outline, line: Line) -> Label:
    places = [clean(outline.keys.place(part.rows[0])) for part in line.parts]
    call = outline.call(line)
    names = Part(", ".join(places), "path", shrinks=True)
    parts = [names, Part(f" {clean(call.owner)}", "owner", shrinks=True)]
    return Label(parts, _shapes(outline, line), _source(call))


def _more_label(outline: Outline, line: Line) -> Label:
    number = len(line.parts)
    return Label([Part(f"… {number} more line{'' if number == 1 else 's'} here", "note")])


_MAKERS = {
    CALL: _call_label,
    STACK: _call_label,
    STEP: _step_label,
    REPEAT: _repeat_label,
    HELPERS: _helpers_label,
    LEAVES: _leaves_label,
    MORE: _more_label,
}
