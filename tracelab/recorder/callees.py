"""What is known of callees: learnt at their first call, looked up at every other.

The line of the caller is kept as (code object, instruction): computing the line number takes ten times as
long and is left to the end.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from dataclasses import replace
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from ..describe import Habit, Table, dict_of_class, file_name, mro_of, never, not_kept
from ..events import BACKWARD, UNKNOWN, Place, Site, Visit, returned
from . import torch_call
from .backward import Backward
from .known import NOWHERE, Breed, Known
from .target import Locator, Target

if TYPE_CHECKING:
    from .recorder import Recorder


class Callees:
    """The callees of one recorder, and the tables of what it knows of them."""

    def __init__(self, locator: Locator, shapes: bool = True) -> None:
        """`shapes`: what goes in and out is looked at."""
        self.sites: Table[Site] = Table()
        self.callers: Table[tuple[CodeType, int]] = Table()
        self.visits: Table[Visit] = Table()
        self.locator = locator
        self._lines: dict[int, Place] = {}
        self._backward = Backward()
        self._read = never if shapes else not_kept
        self._books: defaultdict[Target, dict[int, Known]] = defaultdict(dict)
        self._breeds: defaultdict[Target, dict[int, Breed]] = defaultdict(dict)
        self._cold = False
        self._by_object = not locator.everything  # then one tokenizer is followed and its twin is not

    def known(self, target: Target, it: Any) -> Known | None:
        """What is known of a callee, if it was called before."""
        by_object = target.by_object or self._by_object
        return self._books[target].get(id(it if by_object else type(it)))

    def warm(
        self, target: Target, it: Any, recorder: Recorder, recorders: tuple[Recorder, ...]
    ) -> Known | None:
        """What is known of a callee; while `recorders` are active, the hot path finds it by itself.

        None for a callee whose lines are watched, which is nothing for the hot path.
        """
        key = id(it if target.by_object else type(it))
        known = self._books[target].get(key) or self.learn(target, it, recorder)
        if known.lines is not None:
            return None
        known.among = recorders
        if known.reference is not None:
            target.book[key] = known
            if self._cold:  # another thread may have cleared the books a moment ago
                target.book.pop(key, None)
        return known

    def cool(self) -> None:
        """No callee is looked at by the hot path any more: calls are dropped before anything is read."""
        self._cold = True
        for target in list(self._books):
            target.book.clear()

    def learn(self, target: Target, it: Any, recorder: Recorder) -> Known:
        """What can be said of a callee that was never called before."""
        book = self._books[target]
        site, may_begin = self.locator.locate(target, it)
        breed, lines, chains = self._breed(target, type(it)), recorder.lines, recorder.chains
        known = Known(
            recorder=recorder,
            site=self._site(site, self._backward.runs()),
            may_begin=may_begin,
            breed=breed,
            is_plain=breed.is_plain and torch_call.is_plain(it),
            takes=Habit(breed.takes, self._read),
            gives=Habit(breed.gives, self._read),
            lines=None if lines is None else lines.of(site, self.locator.code(target, it), recorder),
            code=None if chains is None else self.locator.code(target, it),
        )
        anchor = it if target.by_object or self._by_object else type(it)
        key = id(anchor)
        hot = target.book

        def forget(dead: Any) -> None:
            try:
                book.pop(key, None)
                entry = hot.get(key)
                if entry is not None and entry.reference is dead:
                    del hot[key]
            except Exception as error:
                recorder.fault("forget", error)

        try:
            # The entry goes when the object goes, before its id can be used again.
            known.reference = weakref.ref(anchor, forget)
        except TypeError:
            return known  # an object without weak references is looked up anew each time
        book[key] = known
        return known

    def _breed(self, target: Target, cls: type) -> Breed:
        known = self._breeds[target].get(id(cls))
        if known is None or known.cls() is not cls:
            is_plain = torch_call.is_usual(cls, target.impl)
            known = Breed(weakref.ref(cls), is_plain, _relays(target, cls))
            self._breeds[target][id(cls)] = known
        return known

    def visit(self, known: Known, caller: FrameType | None, depth: int) -> tuple[int, int]:
        """The number of a visit from another place than the last one, and the code of its return."""
        end = returned(depth)
        is_backward = self._backward.runs()
        site = known.site
        if is_backward or self.sites.rows[site].during:
            site = self._site(self.sites.rows[site], is_backward)
        if caller is not None:
            for relay in known.breed.relays:
                if caller is not None and caller.f_code is relay:
                    caller = caller.f_back
        if caller is None:  # the first function of a thread that was not started by `threading`
            return self.visits.number(Visit(site, UNKNOWN, depth)), end
        code, instruction = caller.f_code, caller.f_lasti
        place = self.callers.numbers.get((id(code), instruction))
        if place is None:
            # The row keeps the code object, so its id stays its own for as long as the recording lasts.
            place = self.callers.add((id(code), instruction), (code, instruction))
        visit = self.visits.number(Visit(site, place, depth))
        if not is_backward:  # the next call may come from the same line and not from autograd
            known.caller = code, instruction, depth, visit, end
        return visit, end

    def _site(self, site: Site, is_backward: bool) -> int:
        """The number of a site; that of a module is another one in backward."""
        during = BACKWARD if is_backward and site.kind == "module" else None
        return self.sites.number(site if site.during == during else replace(site, during=during))

    def forget_callers(self, depth: int) -> None:
        """The next call of each callee at `depth` is not like the last one."""
        for book in list(self._books.values()):
            for known in list(book.values()):
                if known.caller[2] == depth:
                    known.caller = NOWHERE

    def forget(self) -> None:
        """Let go of the host's classes; another recorder meets its callees again."""
        self.cool()
        for book in list(self._books.values()):
            book.clear()  # what is known of a callee has a way to be forgotten, which leads back to it
        self._books = defaultdict(dict)
        self._breeds = defaultdict(dict)

    def places(self) -> list[Place]:
        """The lines of all callers; 50 µs each, so they are kept for the next time."""
        lines = self._lines
        for number, caller in list(self.callers.rows.items()):
            if number not in lines:
                lines[number] = _place(*caller)
        nowhere = Place("?", 0)  # a caller that another thread is just storing
        return [lines.get(number, nowhere) for number in range(max(lines, default=-1) + 1)]


def _relays(target: Target, cls: type) -> tuple[CodeType, ...]:
    """The `__call__`s of a module's own classes, which hand the call on to ours; the innermost first.

    In transformers 4.57 each `GradientCheckpointingLayer` has one: the line that made the call is a frame up.
    """
    if target.kind != "module":
        return ()
    found: list[CodeType] = []
    for above in mro_of(cls):
        if above is target.holder:
            break
        relay = dict_of_class(above).get("__call__")
        if type(relay) is FunctionType:
            found.insert(0, relay.__code__)
    return tuple(found)


def _place(code: CodeType, instruction: int) -> Place:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return Place(file_name(code.co_filename), line)
    return Place(file_name(code.co_filename), code.co_firstlineno)
