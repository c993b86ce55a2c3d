"""When to stop: what an expression says of a call.

The names of an expression are the parameters and other locals of the function as they are at that moment,
and these:

    n                   which call of its callee this is, from 1 on
    output, error       what it returns, what leaves it: an expression with one of them is asked at the end
    nan(...), inf(...)  whether any of the tensors given holds NaN or an infinity; of all parameters (at the
                        end: of the output) if none is given
    shape(x), dtype(x)  of a tensor, as a tuple and as a text such as `float32`

An expression is the user's own code, given on the user's own command line, and runs as such.  Where it raises
it says so once and counts as false.
"""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

from ..errors import SetupError
from ..values import inert

log = logging.getLogger("tracelab")

_AT_THE_END = {"output", "error"}

_MOST = 1_000
"""So many tensors in nested containers are looked at."""


class Condition:
    """One `when`.  `at_end`: it is to be asked when the call ends."""

    def __init__(self, when: str | Callable[..., Any] | None, at_end: bool | None = None) -> None:
        self._code: CodeType | None = None
        self._asked = when if callable(when) else None
        self.text = when if isinstance(when, str) else "" if when is None else "a function"
        names: set[str] = set()
        if isinstance(when, str):
            self._code = _compiled(when)
            names = set(self._code.co_names)
        elif when is not None and not callable(when):
            raise SetupError(f"when={when!r} is not possible; it is an expression, a function or None")
        self.at_end = bool(names & _AT_THE_END) if at_end is None else at_end
        self._failed = False

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Whether to stop; `scope`: what the names stand for."""
        if self._code is None and self._asked is None:
            return True
        try:
            if self._asked is not None:
                return bool(self._asked(dict(scope)))
            assert self._code is not None
            return bool(eval(self._code, {"__builtins__": builtins}, _Scope(scope)))
        except Exception as error:
            if not self._failed:
                self._failed = True
                what = inert(f"{self.text}: {type(error).__name__}: {error}")
                log.warning("tracelab: a breakpoint's condition fails and counts as false: %s", what)
            return False


class _Scope(dict[str, Any]):
    """Names with helpers: those of the call come first."""

    def __missing__(self, name: str) -> Any:
        if name in ("nan", "inf"):
            return _asking(name, self)
        if name in _HELPERS:
            return _HELPERS[name]
        raise KeyError(name)


def _asking(name: str, scope: Mapping[str, Any]) -> Callable[..., bool]:
    def ask(*given: Any) -> bool:
        meant = given or ((scope["output"],) if "output" in scope else tuple(dict(scope).values()))
        torch: Any = sys.modules["torch"]
        test = torch.isnan if name == "nan" else torch.isinf
        with torch.no_grad():
            return True in [bool(test(one).any()) for one in tensors(meant) if one.is_floating_point()]

    return ask


def tensors(value: Any) -> Iterator[Any]:
    """The tensors in nested tuples, lists and dictionaries."""
    torch: Any = sys.modules.get("torch")
    waiting, looked = [value], 0
    while waiting and looked < _MOST:
        one = waiting.pop()
        looked += 1
        if torch is not None and isinstance(one, torch.Tensor):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, (tuple, list)):
            waiting.extend(one)


def _compiled(text: str) -> CodeType:
    try:
        return compile(text.strip(), "<when>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise SetupError(f"when={text!r} is no expression: {error}") from None


_HELPERS: dict[str, Any] = {
    "shape": lambda value: tuple(value.shape),
    "dtype": lambda value: str(value.dtype).removeprefix("torch."),
}
