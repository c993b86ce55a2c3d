"""Programs that warn, log and fail: what they say, where they say it happened, and how they end."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from ...models import ZOO
from .host import Host

X = torch.ones(2, 3)


def warn(level: int) -> None:
    warnings.warn(f"from a function, {level} levels up", FutureWarning, stacklevel=level)


def deprecated(function: Callable[..., Any]) -> Callable[..., Any]:
    """As transformers does with renamed arguments."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        warnings.warn("an old forward", DeprecationWarning, stacklevel=2)
        return function(*args, **kwargs)

    return wrapper


class Warning(nn.Module):
    """Warns from its forward: its own line, two of torch's, and the line that called it."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = inner or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for level in range(1, 5):
            warnings.warn(f"{level} levels up", UserWarning, stacklevel=level)
        return self.inner(x)


class Helped(nn.Module):
    """Warns by a function that it calls, and by a method."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = inner or nn.Identity()

    def check(self) -> None:
        warnings.warn("from a method", UserWarning, stacklevel=5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for level in range(1, 6):
            warn(level)
        self.check()
        return self.inner(x)


class Renamed(nn.Module):
    @deprecated
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Logging(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for level in range(1, 5):
            logging.getLogger("host").warning("%d levels up", level, stacklevel=level)
        return x


def warners() -> nn.Module:
    """Also torch's own: a softmax without a dimension warns two levels above its forward."""
    return nn.Sequential(Warning(Helped(Warning())), Renamed(), nn.Softmax(), nn.LogSoftmax())


def called_three_times(model: nn.Module) -> Any:
    """The third time through a generator, which has a caller of its own each time."""
    calls: Iterator[Any] = (model(X) for _ in range(1))
    return model(X), model(X), list(calls)


def warned_once(model: nn.Module) -> Any:
    """What the default filter lets through: the first warning of each line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        called_three_times(model)
    return [(str(one.message), one.filename, one.lineno) for one in caught]


def warned_by_module(model: nn.Module) -> Any:
    """A filter that names the module of torch."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module=r"torch\.nn\.modules\.module")
        called_three_times(model)
    return [(str(one.message), one.filename, one.lineno) for one in caught]


def warnings_are_errors(model: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model(X)


def logged(model: nn.Module) -> Any:
    records: list[Any] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append((record.getMessage(), record.pathname, record.lineno, record.funcName))

    logger, handler = logging.getLogger("host"), Keeping()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        called_three_times(model)
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    return records


class Failing(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise self.error


class Chained(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return Failing(KeyError("first"))(x)
        except KeyError as error:
            raise ExceptionGroup("both", [error, ValueError("second")]) from error


def fails(model: nn.Module) -> Any:
    return nn.Sequential(nn.Identity(), nn.Sequential(model))(X)


def wrong_shape(model: Any) -> Any:
    return model(input_ids=torch.ones(1, 2, 3, dtype=torch.long))


def wrong_argument(model: Any) -> Any:
    return model.generate(**ZOO["llama"].generate_arguments(), no_such_argument=1)


ERRORS: list[Callable[[], BaseException]] = [
    lambda: LookupError("lost"),
    lambda: KeyboardInterrupt("Ctrl-C"),
    lambda: SystemExit(3),
    lambda: StopIteration(4),
    lambda: GeneratorExit("closed"),
    lambda: MemoryError("full"),
    lambda: AttributeError("forward"),
    lambda: torch.OutOfMemoryError("device full"),
]


def class_that_is_refused(model: nn.Module) -> Any:
    """Options of a class that nobody takes: the error names this line."""

    class Refused(type(model), no_such_option=1):  # type: ignore[misc]
        pass


LLAMA = ZOO["llama"].build
SPEAKING = [
    Host("warns", warners, called_three_times),
    Host("warns once", warners, warned_once),
    Host("warns by module", warners, warned_by_module),
    *(
        Host(f"warning is an error in {type(make()).__name__}", make, warnings_are_errors)
        for make in (Warning, Helped, Renamed, nn.Softmax)
    ),
    Host("logs", Logging, logged),
    *(Host(f"{type(make()).__name__}", lambda make=make: Failing(make()), fails) for make in ERRORS),
    Host("chained", Chained, fails),
    Host("refused class", ZOO["handmade"].build, class_that_is_refused, opaque=True),
    Host("refused class of the library", LLAMA, class_that_is_refused, opaque=True),
    Host("wrong shape", LLAMA, wrong_shape),
    Host("wrong argument", LLAMA, wrong_argument),
]
