"""A traced program computes, draws, compiles, warns and ends exactly as it does without a trace, to the bit.

Every host program of `hosts` runs without a trace and in one of every mode; what it gave, the random states,
the warnings, the traceback and the settings of the process are compared bit for bit (`attacks.observed`).
By default each runs in one mode of the ten, the next one in the next mode; `-m slow` runs each in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from .figures import Figures
from .hosts import compilers, models, objects, speaking, training, watchers
from .hosts.host import MODES, Host, compare

# What libraries tell their users in these programs, traced or not.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(torch.ones(1))


def turn(hosts: Sequence[Host], first: int = 0) -> list[object]:
    """Each host with one mode, by turns."""
    modes = list(MODES)
    found = []
    for number, host in enumerate(hosts, first):
        mode = next(m for m in modes[number % len(modes) :] + modes if m not in host.but_not)
        found.append(pytest.param(host, mode, id=f"{host}-{mode}"))
    return found


def attack(host: Host, modes: Sequence[str], folder: Path, figures: Figures) -> None:
    values = compare(host, list(modes), folder)
    assert values
    figures("host programs run in a trace", len(modes))
    figures("values compared", values)


@pytest.mark.parametrize(("host", "mode"), turn(models.FORWARDS))
def test_outputs_and_gradients_are_the_same(host: Host, mode: str, tmp_path: Path, figures: Figures) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(models.GENERATES, 1))
def test_generated_tokens_are_the_same(host: Host, mode: str, tmp_path: Path, figures: Figures) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(training.TRAININGS + training.TRAINERS[:1]))
def test_weights_after_three_steps_are_the_same(
    host: Host, mode: str, tmp_path: Path, figures: Figures
) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(watchers.WATCHERS))
def test_modes_and_hooks_of_the_host_see_the_same(
    host: Host, mode: str, tmp_path: Path, figures: Figures
) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(speaking.SPEAKING))
def test_warnings_logs_and_tracebacks_are_the_same(
    host: Host, mode: str, tmp_path: Path, figures: Figures
) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(objects.OBJECTS))
def test_copies_signatures_and_attributes_are_the_same(
    host: Host, mode: str, tmp_path: Path, figures: Figures
) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(compilers.COMPILERS))
def test_compiled_graphs_are_the_same(host: Host, mode: str, tmp_path: Path, figures: Figures) -> None:
    attack(host, [mode], tmp_path, figures)


ALL = {
    "models": models.FORWARDS + models.GENERATES,
    "training": training.TRAININGS + training.TRAINERS,
    "watchers": watchers.WATCHERS,
    "speaking": speaking.SPEAKING,
    "objects": objects.OBJECTS,
    "compilers": compilers.COMPILERS,
    "large compilers": compilers.LARGE,
}


@pytest.mark.slow
@pytest.mark.parametrize("what", ALL)
def test_all_of_it_in_every_mode(what: str, tmp_path: Path, figures: Figures) -> None:
    for host in ALL[what]:
        attack(host, list(MODES), tmp_path, figures)
