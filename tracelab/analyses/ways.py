"""The main path of a tensor through the moves, and the branches beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..calls import Call
from ..calls.path import CALL, INTO, LINE, MADE, RETURN, SAME, Branch, Path, PathHop
from ..events import UNKNOWN
from . import move as kinds
from .move import Move
from .moves import Moves

MOST = 400
"""So many hops are told in all."""

KINDS = {kinds.CALL: CALL, kinds.LINE: LINE, kinds.RETURN: RETURN, kinds.KEPT: kinds.KEPT}


class Ways:
    """The ways of one tensor.  `is_inside`: it is a name of the call `row`, not what it gave back."""

    def __init__(self, book: Moves, row: int, number: int, at: int, name: str, is_inside: bool) -> None:
        self._book = book
        self._row = row
        self._number = number
        self._at = at
        self._name = name
        self._is_inside = is_inside
        self._goals: frozenset[int] = frozenset()
        self._goal = UNKNOWN
        self._leading: set[int] = set()
        self._hops = 0
        self._met: dict[int, int] = {number: 0}
        self._forks: list[tuple[int, int, int, int]] = []

    def path(self) -> Path:
        """The whole path."""
        self._choose_goal()
        hops = self._main()
        branches, cut = self._branches()
        call = Call(self._book.trace, self._row)
        return Path(
            start=self._name,
            call=call,
            spec=self._book.specs.get(self._number),
            hops=tuple(hops),
            branches=tuple(branches),
            ended=self._ended(hops),
            notes=tuple(self._notes([call, *call.ancestors, *[hop.call for hop in hops]])),
            cut=cut,
        )

    # --- where the main path leads ---------------------------------------------------------------

    def _choose_goal(self) -> None:
        """What the outermost watched function gave back, if that was made from the tensor."""
        call = Call(self._book.trace, self._row)
        above = [one.id for one in call.ancestors if self._book.lines(one.id) is not None]
        inside = [self._row] if self._is_inside else []
        for row in [*reversed(above), *inside]:
            outputs = [number for _, number in self._book.outputs(row)]
            for goals, surely in (
                (outputs[:1], True),
                (outputs, True),
                (outputs[:1], False),
                (outputs, False),
            ):
                leading, reached = self._leading_to(frozenset(goals), self._book.ends[row], surely)
                if self._number in reached:
                    self._goals, self._goal, self._leading = frozenset(goals), row, leading
                    return

    def _leading_to(self, goals: frozenset[int], end: int, surely: bool) -> tuple[set[int], set[int]]:
        """The moves that lead to these tensors, and the tensors that do; `surely`: without doubtful moves."""
        reached, leading = set(goals), set()
        for at in range(end - 1, self._at - 1, -1):
            move = self._book.all[at]
            if move.source != move.target and move.target in reached and not (surely and move.doubtful):
                reached.add(move.source)
                leading.add(at)
        return leading, reached

    # --- hop after hop ----------------------------------------------------------------------------

    def _main(self) -> list[PathHop]:
        hops: list[PathHop] = []
        number, at = self._number, self._at
        while True:
            chosen = None if number in self._goals else self._next(number, at)
            self._forks.append((number, at, UNKNOWN if chosen is None else chosen, self._hops))
            self._pass(hops, number, at, chosen)
            if chosen is None or len(hops) >= MOST:
                break
            move = self._book.all[chosen]
            self._add(hops, move, KINDS[move.kind], MADE, self._words(move))
            number, at = move.target, chosen + 1
            self._met[number] = hops[-1].number
        return hops

    def _next(self, number: int, at: int) -> int | None:
        """The next move that makes something of a tensor: of several the first one that leads to the goal.

        Where that binds another name (`variance = x.pow(2)`), and a later line the same one anew, the later.
        """
        made = list(self._making(number, at))
        made = [one for one in made if one in self._leading] or made
        if not made:
            return None
        moves = self._book.all
        first = moves[made[0]]
        if first.kind == kinds.LINE and first.name != first.loaded:
            again = (first.row, first.loaded, first.loaded)
            for one in made:
                if (moves[one].row, moves[one].loaded, moves[one].name) == again:
                    return one
        return made[0]

    def _making(self, number: int, at: int) -> Iterator[int]:
        for one in self._book.by_source.get(number, ()):
            if one >= at and self._book.all[one].target != number:
                yield one

    def _pass(self, hops: list[PathHop], number: int, at: int, chosen: int | None) -> None:
        """What happened to the tensor itself before the next move made something of it."""
        loaded = "" if chosen is None else self._book.all[chosen].loaded
        for one in self._book.by_source.get(number, ()):
            move = self._book.all[one]
            if one < at or (chosen is not None and one > chosen) or move.target != number:
                continue
            if move.kind == kinds.GIVEN:
                if chosen is not None and self._leads_into(move.row, chosen):
                    self._add(hops, move, INTO, SAME, (label(self._book, move.row),))
                elif self._comes_back(move.row, number) and self._before(move.row, chosen):
                    self._add(hops, move, CALL, SAME, (label(self._book, move.row),))
            elif move.kind == kinds.RETURN and self._leaves(move.row, at):
                self._add(hops, move, RETURN, SAME, move.operations)
            elif move.kind == kinds.LINE:
                self._bound(hops, move, loaded)

    def _bound(self, hops: list[PathHop], move: Move, loaded: str) -> None:
        """A name for the tensor: it belongs to the hop before, or is one of its own."""
        last = hops[-1] if hops else None
        if move.operations:
            self._add(hops, move, LINE, SAME, move.operations)
        elif last is not None and not last.name and last.what != LINE and self._belongs(last, move):
            hops[-1] = replace(last, name=move.name)
        elif loaded and move.name == loaded and (last is None or last.name != loaded):
            self._add(hops, move, LINE, SAME, ())

    def _belongs(self, last: PathHop, move: Move) -> bool:
        if last.what == INTO:
            return move.row == last.call.id
        frame = last.call.parent
        return frame is not None and frame.id == move.row

    def _leads_into(self, row: int, at: int) -> bool:
        """Whether a move is one of the lines of a call, or of the calls in it."""
        move = self._book.all[at]
        inside = self._book.begins[row] <= at < self._book.ends[row]
        return inside and not (move.kind == kinds.CALL and move.row == row)

    def _comes_back(self, row: int, number: int) -> bool:
        return number in [one for _, one in self._book.outputs(row)]

    def _leaves(self, row: int, at: int) -> bool:
        """Whether a tensor that is met at a move leaves a function that it is in."""
        return self._book.begins[row] < at

    def _before(self, row: int, chosen: int | None) -> bool:
        """Whether a call has ended when a move is made."""
        return chosen is None or self._book.ends[row] <= chosen

    # --- the other ways ---------------------------------------------------------------------------

    def _branches(self) -> tuple[list[Branch], int]:
        found: list[Branch] = []
        cut = 0
        seen: set[tuple[int, int | None, int, str]] = set()
        while self._forks:
            number, at, chosen, after = self._forks.pop(0)
            for one in self._book.by_source.get(number, ()):
                move = self._book.all[one]
                key = (move.row, move.line, move.target, move.kind)
                if one < at or one == chosen or key in seen or not self._is_fork(move):
                    continue
                seen.add(key)
                if self._hops >= MOST:
                    cut += 1
                else:
                    found.append(self._branch(one, after))
        return found, cut

    def _is_fork(self, move: Move) -> bool:
        """Whether a move leads elsewhere: something is made, or put away, or goes where nothing comes out."""
        if move.source != move.target or move.kind == kinds.KEPT:
            return True
        row = move.row
        return move.kind == kinds.GIVEN and self._book.lines(row) is None and not self._book.outputs(row)

    def _branch(self, at: int, after: int) -> Branch:
        """From a fork on, until it ends or comes to a tensor that is told already."""
        hops: list[PathHop] = []
        chosen: int | None = at
        begin = self._book.all[at].source
        self._pass(hops, begin, at, at)
        joins = None
        while chosen is not None and self._hops < MOST:
            move = self._book.all[chosen]
            same = move.source == move.target
            what = CALL if move.kind == kinds.GIVEN else KINDS[move.kind]
            self._add(hops, move, what, SAME if same else MADE, self._words(move))
            number, step = move.target, chosen + 1
            if same:
                break
            if number in self._met:
                joins = self._met[number]
                break
            self._met[number] = hops[-1].number
            chosen = self._next(number, step)
            self._forks.append((number, step, UNKNOWN if chosen is None else chosen, self._hops))
            self._pass(hops, number, step, chosen)
        return Branch(after, tuple(hops), joins)

    # --- one hop ----------------------------------------------------------------------------------

    def _add(self, hops: list[PathHop], move: Move, what: str, how: str, words: tuple[str, ...]) -> None:
        book = self._book
        seen = book.lines(move.frame) if move.frame != UNKNOWN else None
        call = Call(book.trace, move.row)
        place = call.call_site
        file = seen.file if seen is not None else None if place is None else place.file
        line = move.line
        if seen is not None and place is not None and move.row != move.frame and place.file != file:
            file, line = place  # a helper of the function made this call
        is_call = what in (CALL, INTO)
        self._hops += 1
        hops.append(
            PathHop(
                number=self._hops,
                what=what,
                how=how,
                words=words,
                call=call,
                parameter=move.name if is_call else "",
                name="" if is_call else move.name,
                file=file,
                line=line,
                text="" if file is None or line is None else book.texts.line(file, line).strip(),
                spec=book.specs.get(move.target),
            )
        )

    def _words(self, move: Move) -> tuple[str, ...]:
        if move.kind in (kinds.CALL, kinds.GIVEN):
            return (label(self._book, move.row),)
        return move.operations

    # --- how it ends --------------------------------------------------------------------------------

    def _ended(self, hops: list[PathHop]) -> str:
        if len(hops) >= MOST:
            return f"cut after {MOST} hops"
        if self._goal != UNKNOWN:
            call = Call(self._book.trace, self._goal)
            return f"returned by {call.name}; its caller is not watched"
        return "nothing watched used it further"

    def _notes(self, calls: list[Call]) -> Iterator[str]:
        """What could not be read of the calls on the way."""
        found: dict[str, None] = {}
        for call in calls:
            seen = self._book.lines(call.id)
            problem = None if seen is None else self._book.texts.of(seen).problem
            if seen is not None and problem is not None:
                found[f"the lines of {seen.name} cannot be read ({problem}): made from is not told there"] = (
                    None
                )
            if seen is not None and seen.cut:
                found[f"{seen.cut} lines of {seen.name} were not kept"] = None
        yield from found


def label(book: Moves, row: int) -> str:
    """How a call is called in a short line: `q_proj`, `LlamaForCausalLM`, `cross_entropy`."""
    site = Call(book.trace, row).site
    if site.kind != "module":
        return site.function
    path = (site.path or "").split(".")
    if path[-1].isdigit() and len(path) > 1:
        return ".".join(path[-2:])
    return path[-1] or site.owner
