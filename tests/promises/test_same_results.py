"""A traced program computes, draws, compiles, warns and ends exactly as it does without a trace, to the bit.

Every host program of `hosts` runs without a trace and in one of every mode; what it gave, the random states,
the warnings, the traceback and the settings of the process are compared bit for bit (`attacks.observed`).
By default each runs in one mode of the eleven, the next one in the next mode; `-m slow` runs each in all
(compilers in four).
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from ..models import ZOO
from ..programs import REPOSITORY, started, write
from .figures import Figures
from .hosts import compilers, models, objects, speaking, training, watchers
from .hosts.host import MODES, Host, compare, traced

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


@pytest.mark.parametrize(("host", "mode"), turn([*models.OF_EACH[-5:], *models.GENERATES], 1))
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


@pytest.mark.parametrize(("host", "mode"), turn([objects.OBJECTS[0], *objects.OBJECTS[3:]]))
def test_copies_signatures_and_attributes_are_the_same(
    host: Host, mode: str, tmp_path: Path, figures: Figures
) -> None:
    attack(host, [mode], tmp_path, figures)


@pytest.mark.parametrize(("host", "mode"), turn(compilers.COMPILERS))
def test_compiled_graphs_are_the_same(host: Host, mode: str, tmp_path: Path, figures: Figures) -> None:
    attack(host, [mode], tmp_path, figures)


ALL = {
    "forwards": models.FORWARDS,
    "generate of each": models.OF_EACH,
    "ways to generate": models.GENERATES,
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
    # Compilers are passed through before any mode counts; a few of them are enough, since they take long.
    modes = ("stats", "no shapes", "source", "nested", "chain") if "compilers" in what else tuple(MODES)
    for host in ALL[what]:
        attack(host, [mode for mode in modes if mode not in host.but_not], tmp_path, figures)


DRAWS = """
    import random
    random.seed(7)
    before = random.getstate()
    import tracelab
    import torch, numpy
    torch.manual_seed(7)
    numpy.random.seed(7)
    from tests.attacks.observed import random_states
    states = random_states()
    with tracelab.trace(file="run.jsonl") as trace, tracelab.trace(stats=True, values=True):
        model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU())
        model(torch.ones(2))
    trace.save("run.json.gz")
    print(trace, trace.steps(), trace.find("*"), tracelab.load("run.jsonl"))
    assert before == random.getstate() and random_states() == states
"""


def test_a_trace_itself_draws_nothing(tmp_path: Path) -> None:
    """Not when it is imported, begins and ends, is printed and saved, and not by what it imports for that."""
    write(tmp_path, "draws.py", DRAWS)
    done = started(["draws.py"], tmp_path, PYTHONPATH=str(REPOSITORY))
    assert (done.code, done.err) == (0, "")


def test_a_model_is_pickled_to_the_same_bytes() -> None:
    model = ZOO["llama"].build()
    plain = pickle.dumps(model)
    for mode in MODES:
        if mode == "file":
            continue
        with traced(mode, model, Path()):
            model(**ZOO["llama"].inputs())
            assert pickle.dumps(model) == plain
    assert pickle.dumps(model) == plain


SCRIPT = """
    import sys, warnings, random, numpy, torch
    from torch import nn
    torch.manual_seed(0)
    random.seed(0)
    numpy.random.seed(0)
    class Own(nn.Module):
        def forward(self, x):
            warnings.warn("old", FutureWarning, stacklevel=2)
            if sys.argv[1] == "fails":
                raise LookupError("in forward")
            if sys.argv[1] == "exits":
                sys.exit(7)
            return x * torch.rand(2)
    model = nn.Sequential(nn.Linear(2, 2), nn.Softmax(), Own())
    for _ in range(2):
        out = model(torch.ones(1, 2)).sum()
    out.backward()
    print(out.item().hex(), model[0].weight.grad.tolist(), torch.rand(1), random.getstate()[1][:3])
    print(numpy.random.get_state()[1][:3], sorted(nn.Module.__dict__), nn.Module.__call__, flush=True)
    torch.tensor([1.0]).view(2)
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("fails", 1),
        pytest.param("runs", 1, marks=pytest.mark.slow),
        pytest.param("exits", 7, marks=pytest.mark.slow),
    ],
)
def test_a_script_says_and_ends_the_same_under_tracelab_run(tmp_path: Path, end: str, code: int) -> None:
    write(tmp_path, "script.py", SCRIPT)
    plain = started(["script.py", end], tmp_path)
    ours = started(
        ["-m", "tracelab", "run", "--quiet", "script.py", end], tmp_path, PYTHONPATH=str(REPOSITORY)
    )
    assert (ours.code, ours.err) == (plain.code, plain.err)
    assert (plain.code, "Error" in plain.err) == (code, end != "exits")
    # One name more on the class, and our function in its place.
    assert ours.out.splitlines()[:1] == plain.out.splitlines()[:1]
