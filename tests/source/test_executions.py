"""What is told of the lines of real functions, against what a person reads in them.

`told` counts lines from the first of the function, and leaves out those that ran once with nothing to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.source import programs
from tests.source.listed import listed, start_of, told
from tests.source.tracer import passes_of
from tracelab.analyses.executions import executions
from tracelab.analyses.texts import function_at, functions, parse
from tracelab.analyses.units import layout
from tracelab.passes import Line, Pass
from tracelab.values import ScalarSpec


def quiet(function: Callable[..., Any], *given: Any) -> Callable[[], None]:
    """A run whose exception is expected."""

    def run() -> None:
        with pytest.raises(AttributeError):
            function(*given)

    return run


def test_an_early_return_leaves_the_rest_unreached() -> None:
    run, back = programs.early, lambda: programs.early(None)
    assert told(run, back) == ["0 ×1 x=None", "2 ×1 True", "6 -", "7 -"]
    assert told(run, lambda: programs.early([5])) == ["0 ×1 x=f32[5]", "2 ×1 False", "3 -", "6 ×1 y=f32[5,1]"]


def test_a_loop_counts_its_passes_and_says_what_varied() -> None:
    # Sizes 4 and 5 go in; total is f32[4], then f32[4,5], which are of different rank.
    assert told(programs.loop, lambda: programs.loop([4, 5])) == [
        "0 ×1 xs=f32[4,5]",
        "1 ×1 total=f32[]",
        "2 ×2 x=4…5",
        "3 ×2 total=varied",
        "4 ×2",
        "6 ×1 done=True",
    ]


def test_nested_loops() -> None:
    # 2 rows of 2 cells: 4 passes of the inner loop, over 1, 2, 3, 4.
    assert told(programs.nested, lambda: programs.nested([[1, 2], [3, 4]])) == [
        "0 ×1 rows=list",
        "1 ×2 row=f32[1…3,2…4]",
        "2 ×4 cell=1…4",
        "3 ×4 seen=f32[1…4]",
        "4 ×2 after=f32[1…3,2…4]",
    ]


def test_a_loop_over_nothing() -> None:
    assert told(programs.never, lambda: programs.never([])) == ["0 ×1 xs=f32[]", "1 ×0", "2 -"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (1, ["1 ×1 True", "2 ×1 y=f32[1]", "3 -", "4 -", "5 -", "6 -", "7 -", "9 -"]),
        (2, ["1 ×1 False", "2 -", "3 ×1 True", "4 ×1 y=f32[2]", "5 -", "6 -", "7 -", "9 -"]),
        (3, ["1 ×1 False", "2 -", "3 ×1 False", "4 -", "5 ×1 True", "7 ×1 y=f32[3]", "9 -"]),
        (4, ["1 ×1 False", "2 -", "3 ×1 False", "4 -", "5 ×1 False", "7 -", "9 ×1 y=f32[4]"]),
    ],
)
def test_a_chain_of_elif(given: int, said: list[str]) -> None:
    assert told(programs.elifs, lambda: programs.elifs(given))[1:] == said


def test_while_with_continue_and_break() -> None:
    # i is 1, 2, 3, 4 after its line; 2 goes back at once, so three are kept: 1, 3, 4.  Then down to 3, 2, 1.
    assert told(programs.counting, lambda: programs.counting(4)) == [
        "0 ×1 n=4",
        "1 ×1 i=0",
        "2 ×4 varied",
        "3 ×4 i=1…4",
        "4 ×4 varied",
        "6 ×3 kept=f32[varied]",
        "7 ×3",
        "8 ×3 i=3…1",
        "9 ×3 varied",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            0,  # a division by zero: the first handler does not fit, the second does
            [
                "3 ×1 False",
                "5 -",
                "6 ×1 True error=ZeroDivisionError",
                "7 ×1 y='zero'",
                "9 -",
                "11 ×1 end=True",
            ],
        ),
        (1, ["2 ×1 y=1", "3 -", "4 -", "5 -", "6 -", "7 -", "9 ×1 z=f32[1]", "11 ×1 end=True"]),
        ("a", ["3 ×1 True", "5 ×1 y='type'", "6 -", "7 -", "9 -", "11 ×1 end=True"]),
    ],
)
def test_try_except_else_finally(given: object, said: list[str]) -> None:
    assert told(programs.cleaned, lambda: programs.cleaned(given))[1:] == said


def test_a_test_that_raises_went_neither_way() -> None:
    run = quiet(programs.raises, 1)
    assert told(programs.raises, run) == ["0 ×1 x=1", "1 ×1 y=f32[1]", "3 -", "4 -"]
    (column,) = listed(programs.raises, run).columns
    assert column.ended == "exception"
    assert column.last == column.lines[2].number


def test_a_statement_that_raised_bound_nothing() -> None:
    # 8 // 4 is 2; 8 // 0 leaves y as it was, and that is no news.
    said = told(programs.retried, lambda: programs.retried([4, 0]))
    assert said[3:] == ["3 ×2", "4 ×2 y=2", "5 ×1 True"]


def test_an_exception_on_its_way_through_with_and_finally() -> None:
    # The test raised: the lines that ran after it do not say that it was False.
    run = quiet(programs.guarded, 1)
    assert told(programs.guarded, run, ended="exception") == [
        "0 ×1 x=1",
        "1 ×1 end=None",
        "3 ×1 y=1",
        "5 -",
        "8 -",
    ]


def test_a_return_inside_a_with_is_what_ran_last() -> None:
    (column,) = listed(programs.inside, lambda: programs.inside([3])).columns
    assert column.last == start_of(programs.inside) + 2


def test_a_with_is_left_once_and_not_entered_twice() -> None:
    said = told(programs.managed, lambda: programs.managed([1]))
    assert said == [
        "0 ×1 xs=f32[1]",
        "1 ×1 first=f32[1] second=2",
        "4 ×1 y=f32[1]",
        "5 ×1 False",
        "6 -",
        "7 ×1 y=f32[1]",
    ]
    assert told(programs.managed, lambda: programs.managed([]))[2:] == [
        "4 ×1 y=f32[]",
        "5 ×1 True",
        "7 -",
        "8 -",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([7, 8], ["2 ×1 True a=7 b=8", "3 ×1 y=7", "4 -", "5 -", "6 -", "7 -"]),
        (5, ["2 ×1 False", "3 -", "4 ×1 True", "5 ×1 y='large'", "6 -", "7 -"]),
        (1, ["2 ×1 False", "3 -", "4 ×1 False", "5 -", "7 ×1 y='other'"]),
    ],
)
def test_match(given: object, said: list[str]) -> None:
    assert told(programs.matched, lambda: programs.matched(given))[1:] == said


def test_parameters_stand_at_their_lines_below_the_decorators() -> None:
    assert told(programs.decorated, lambda: programs.decorated(1, 2, k=3)) == [
        "5 ×1 x=1",
        "6 ×1 rest=tuple(2)",
        "7 ×1 scale=2",
        "12 ×1 y=f32[1,2]",
    ]
    assert (
        listed(programs.decorated, lambda: programs.decorated(1)).start
        == listed(programs.decorated, lambda: programs.decorated(1)).first + 4
    )


def test_a_call_over_several_lines_runs_once() -> None:
    # `y` is bound once, when the interpreter is back at the first line: len([len([1, 2])]) is 1.
    said = told(programs.called, lambda: programs.called([1, 2]))
    assert said == ["0 ×1 x=f32[1,2] f=builtin_function_or_method", "1 ×1 y=1"]


def test_a_generator_goes_on_where_it_was() -> None:
    said = told(programs.yields, lambda: list(programs.yields(3)))
    assert said == ["0 ×1 n=3", "1 ×3 i=0…2", "2 ×3 got=None"]


def test_a_function_that_calls_itself_has_a_column_for_each_way() -> None:
    listing = listed(programs.recursive, lambda: programs.recursive(2))
    assert [column.label for column in listing.columns] == ["call 1", "call 2", "call 3"]
    assert [column.lines[1].condition for column in listing.columns] == [False, False, True]
    assert [str(column.lines[3].bound.get("below")) for column in listing.columns] == [
        "f32[0,1]",
        "f32[0]",
        "None",
    ]


def test_a_chained_comparison_over_lines_and_a_walrus() -> None:
    assert told(programs.chained, lambda: programs.chained(1, 2)) == [
        "0 ×1 a=1 b=2",
        "1 ×1 ok=True",
        "6 ×1 False n=1",
        "9 -",
    ]
    assert told(programs.chained, lambda: programs.chained(1, 20))[2:] == ["6 ×1 True n=1", "9 ×1 ok='long'"]


def test_targets_of_all_kinds() -> None:
    assert told(programs.targets, lambda: programs.targets((1, (2, 3, 4))))[1:] == [
        "1 ×1 a=1 b=2 c=f32[3,4]",
        "2 ×1 d=1 e=1",
        "3 ×1 f=f32[1]",
    ]


def test_a_comprehension_runs_once() -> None:
    # From Python 3.12 on it runs in the function itself; its `x` and `y` are still no names of the function.
    said = told(programs.comprehended, lambda: programs.comprehended([1, 2]))
    assert said == ["0 ×1 xs=f32[1,2]", "1 ×1 ys=f32[2,3]"]


def test_a_nested_function_is_one_statement() -> None:
    said = told(programs.holds, lambda: programs.holds(1))
    assert said == ["0 ×1 x=1", "1 ×1 helper=function", "5 ×1 Thing=type"]


def test_what_stands_on_one_line() -> None:
    # The line of the loop is visited three times for two passes.
    said = told(programs.one_line, lambda: programs.one_line([1, 2]))
    assert said == ["0 ×1 xs=f32[1,2]", "1 ×2 x=1…2 y=1…2", "2 ×1 y=1"]


def test_a_lambda() -> None:
    assert told(programs.small, lambda: programs.small(1)) == ["0 ×1 x=1"]


# --- hand-made events -----------------------------------------------------------------------------------

TEXT = """\
def f(x):
    while True:
        if x: break
    for a in x: b = a
    y = g(
        a,
    )
"""


def seen(*events: int, ended: str = "return", cut: int = 0, **bound: int) -> list[tuple[int, bool | None]]:
    """The executions of `f`: line of the unit, and whether its body ran next."""
    tree = parse(TEXT.splitlines())
    assert not isinstance(tree, str)
    function = function_at(functions(tree), 1, "f")
    assert function is not None
    outline = layout(function, TEXT.splitlines())
    lines = tuple(Line(number) for number in events)
    found = executions(Pass("f.py", 1, "f", lines, ended, cut), outline)
    return [(outline.units[one.unit].first, one.led) for one in found]


def test_a_head_that_comes_twice_at_once_was_left_in_between() -> None:
    assert seen(1, 2, 3, 2, 3, 4)[1:] == [(2, True), (3, None), (2, True), (3, None), (4, None)]


def test_a_loop_on_one_line() -> None:
    # Three visits: two passes, and one that finds nothing more.
    assert seen(1, 4, 4, 4, 5)[1:] == [(4, True), (4, True), (4, False), (5, None)]


def test_a_call_that_is_cut_or_open_tells_nothing_of_its_end() -> None:
    assert seen(1, 2)[-1] == (2, False)
    assert seen(1, 2, ended="open")[-1] == (2, None)
    assert seen(1, 2, cut=1)[-1] == (2, None)


def test_lines_that_are_not_in_the_function_are_passed_over() -> None:
    assert seen(1, 99, 5, -3, 6, 5) == [(1, None), (5, None)]


def test_the_last_event_of_a_statement_has_the_value() -> None:
    tree = parse(TEXT.splitlines())
    assert not isinstance(tree, str)
    function = function_at(functions(tree), 1, "f")
    assert function is not None
    outline = layout(function, TEXT.splitlines())
    early, late = (("y", ScalarSpec("int", value, True)) for value in (1, 2))
    lines = (Line(1), Line(5, (early,)), Line(6), Line(5, (late,)))
    (_, call) = executions(Pass("f.py", 1, "f", lines, "return"), outline)
    assert call.bound == {"y": ScalarSpec("int", 2, True)}


def test_the_tracer_of_these_tests_sees_what_the_interpreter_says() -> None:
    (one,) = passes_of(programs.never, lambda: programs.never([3]))
    first = one.first
    assert [line.number - first for line in one.lines] == [0, 1, 2, 1, 3]
    assert one.ended == "return"
