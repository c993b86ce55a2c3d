"""The fixtures that guard every test, each shown to fail when it should, on small test files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

GUARDS = (Path(__file__).parent / "conftest.py").read_text(encoding="utf-8")

PATCHES = """
    from torch import nn

    def test_leaves_a_patch():
        nn.Linear.extra_repr = lambda self: ""

    def test_restores_in_the_wrong_place():
        nn.GELU.__call__ = nn.Module.__call__

    def test_puts_back_what_was_there():
        before = vars(nn.Tanh)["forward"]
        nn.Tanh.forward = lambda self, x: x
        nn.Tanh.forward = before

    def test_makes_a_class():
        class Mine(nn.Module):
            def forward(self, x):
                return x
"""

FAULTS = """
    import logging
    import pytest

    def test_has_a_fault():
        logging.getLogger("tracelab").error("tracelab: internal error in enter forward: KeyError")

    @pytest.mark.internal_errors
    def test_has_a_fault_on_purpose():
        logging.getLogger("tracelab").error("tracelab: internal error in enter forward: KeyError")

    def test_says_something_harmless():
        logging.getLogger("tracelab").warning("tracelab: nothing was recorded")
"""

HOOKS = """
    import sys

    def test_leaves_a_profiler():
        sys.setprofile(lambda *event: None)
"""


@pytest.fixture
def guarded(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with our conftest and our markers."""
    pytester.makeconftest(GUARDS)
    pytester.makeini("[pytest]\nmarkers =\n    internal_errors: faults on purpose\n")
    return pytester


@pytest.mark.parametrize(
    ("source", "passed", "errors", "words"),
    [
        (
            PATCHES,
            4,
            2,
            ["*left patched by this test: torch.nn.modules.linear.Linear.extra_repr*", "*GELU.__call__*"],
        ),
        (FAULTS, 3, 1, ["*tracelab had faults of its own*"]),
        (HOOKS, 1, 1, ["*left an import, trace or exception hook behind*"]),
    ],
    ids=["patches", "faults", "hooks"],
)
def test_guards_fail_the_right_tests(
    guarded: pytest.Pytester, source: str, passed: int, errors: int, words: list[str]
) -> None:
    guarded.makepyfile(source)
    result = guarded.runpytest_subprocess("-p", "no:cacheprovider")
    # A guard speaks after its test: the test itself passes, its teardown is the error.
    result.assert_outcomes(passed=passed, errors=errors)
    result.stdout.fnmatch_lines(words)
