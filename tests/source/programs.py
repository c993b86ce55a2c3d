"""Small functions, one for each way in which lines can run.  A list of numbers stands for a tensor.

The tests count lines from the first line of each function (its first decorator), so nothing here may be
reformatted: statements stand over several lines on purpose.
"""

# fmt: off
# ruff: noqa
# mypy: ignore-errors
from __future__ import annotations

import contextlib
import functools


def early(x):
    """Gives up early."""
    if x is None:
        return [0]

    # not for None
    y = [*x, 1]
    return y


def loop(xs):
    total = []
    for x in xs:
        total = [*total,
                 x]
    else:
        done = True
    return total, done


def nested(rows):
    for row in rows:
        for cell in row:
            seen = [cell]
        after = row
    return seen, after


def never(xs):
    for x in xs:
        y = x
    return


def elifs(x):
    if x == 1:
        y = [1]
    elif x == 2:
        y = [2]
    elif (x == 3
          and x):
        y = [3]
    else:
        y = [4]
    return y


def counting(n):
    i = 0
    while i < n:
        i += 1
        if i == 2:
            continue
        kept = [i]
    while True:
        i -= 1
        if i < 2:
            break
    return kept


def cleaned(x):
    try:
        y = 1 // x
    except (TypeError,
            KeyError):
        y = "type"
    except ZeroDivisionError as error:
        y = "zero"
    else:
        z = [y]
    finally:
        end = True
    return y, end


def raises(x):
    y = [1]
    if x.missing:
        y = [2]
    return y


def managed(xs):
    with contextlib.nullcontext(xs) as first, (
        contextlib.nullcontext(2)
    ) as second:
        y = first
        if not y:
            return second
        y = [1]
    return y


def matched(x):
    match x:
        case [a, b]:
            y = a
        case int() if x > 3:
            y = "large"
        case _:
            y = "other"
    return y


def passed(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@passed
@functools.cache
def inner_most(x):
    return x


@passed
@functools.wraps(
    early
)
def decorated(
    x,
    *rest,  # the rest
    scale=(
        2
    ),
    **more,
):
    y = [x,
         scale]
    return y


def called(x, f=len):
    y = f(
        [
            f(x),
        ]
    )
    return max(
        y,
        f(x),
    )


def yields(n):
    for i in range(n):
        got = yield i
    return n


def recursive(n):
    if n == 0:
        return [0]
    below = recursive(n - 1)
    return [*below, n]


def chained(a, b):
    ok = (
        0 <
        a
        < b
    )
    if (n := a) and (
        b > 9
    ):
        ok = "long"
    return ok, n


def targets(pair):
    a, (b, *c) = pair
    d = e = a
    f: list = [1]
    g: int
    return a, b, c, d, e, f


def comprehended(xs):
    ys = [
        x + 1
        for x in xs
    ]
    return {y for y in ys}


def holds(x):
    def helper(y):
        z = y
        return z

    class Thing:
        size = 1

    return helper(x)


def one_line(xs):
    for x in xs: y = x
    if xs: y = 1
    return y


small = lambda x: (
    x + 1
)


def lines_in_a_string(x):
    text = """
    def not_a_function():
        return 1
    """
    return text


def retried(xs):
    y = None
    for x in xs:
        try:
            y = 8 // x
        except ZeroDivisionError:
            continue
    return y


def guarded(x):
    end = None
    try:
        with contextlib.nullcontext(x) as y:
            if y.missing:
                y = 1
    finally:
        end = True
    return end


def inside(xs):
    with contextlib.nullcontext(xs) as y:
        return y
