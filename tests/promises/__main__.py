"""`python -m tests.promises` runs every attack and writes the README's table of them.

    --full      in full size, the slow ones too: this takes a quarter of an hour
    --readme    write the table into README.md instead of printing it

A promise that does not hold leaves the README as it is.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter

import pytest

from ..sections import rewrite
from .figures import COUNTED
from .readme import PAGE, PROMISES, Attacked, section


class Passed:
    """Counts the tests that held, by test module."""

    def __init__(self) -> None:
        self.tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.tests[report.nodeid.partition("::")[0].removesuffix(".py").replace("/", ".")] += 1


def main() -> int:
    """Attack, then tell."""
    passed = Passed()
    size = "slow or not slow" if "--full" in sys.argv[1:] else "not slow"
    code = pytest.main(["tests/promises", "-q", "-m", size], [passed])
    if code:
        print("a promise does not hold: README.md is left as it is", file=sys.stderr)
        return int(code)
    attacked = [
        Attacked.of(importlib.import_module(name), passed.tests[name], COUNTED[name]) for name in PROMISES
    ]
    if "--readme" in sys.argv[1:]:
        rewrite(PAGE, "promises", section(attacked))
    else:
        print(section(attacked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
