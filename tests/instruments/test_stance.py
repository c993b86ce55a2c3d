"""`see_through_compile=True` shows every call in compiled code, and is undone on every way out."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.recorder import active

from ..attacks import injector

REPOSITORY = Path(__file__).resolve().parent.parent.parent
X = torch.ones(2, 3)


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(X)


@pytest.fixture(autouse=True)
def door_and_stance() -> Any:
    """Both are what they were, whatever a test did; none hits a limit that others have used up."""
    torch._dynamo.reset()
    door, stance = dynamo()._callback_from_stance, dynamo()._stance
    assert stance.stance == "default"
    yield
    assert dynamo()._callback_from_stance is door
    assert dynamo()._stance is stance


def dynamo() -> Any:
    return sys.modules["torch._dynamo.eval_frame"]


def eager() -> bool:
    return dynamo()._stance.stance == "force_eager"


def compiled() -> Any:
    return torch.compile(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), backend="eager")


SHOWN = ["", "_orig_mod", "_orig_mod.0", "_orig_mod.1"]


def paths(trace: tracelab.Trace) -> list[str | None]:
    return [call.path for call in trace.calls]


def ends_normally() -> None:
    with tracelab.trace(see_through_compile=True):
        assert eager()


def ends_with(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        with pytest.raises(type(error)), tracelab.trace(see_through_compile=True):
            raise error

    return run


def is_reset() -> None:
    session = tracelab.trace(see_through_compile=True)
    session.__enter__()
    tracelab.reset()
    assert not eager()
    session.__exit__(None, None, None)


def gets_lost() -> None:
    session = tracelab.trace(see_through_compile=True)
    session.__enter__()
    del session
    gc.collect()


def ends_out_of_order() -> None:
    first, plain = tracelab.trace(see_through_compile=True), tracelab.trace()
    second = tracelab.trace(see_through_compile=True)
    for session in (first, plain, second):
        session.__enter__()
    first.__exit__(None, None, None)
    assert eager()  # the second one still sees through
    second.__exit__(None, None, None)
    assert not eager()  # the one that is left does not
    plain.__exit__(None, None, None)


def ends_on_another_thread() -> None:
    session = tracelab.trace(see_through_compile=True)
    session.__enter__()
    thread = threading.Thread(target=session.__exit__, args=(None, None, None))
    thread.start()
    thread.join()


def ends_in_a_forward() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            session.__exit__(None, None, None)
            return x

    session = tracelab.trace(see_through_compile=True)
    session.__enter__()
    torch.compile(Model(), backend="eager")(X)


def has_a_stance_of_the_host_inside() -> None:
    with tracelab.trace(see_through_compile=True):
        with torch.compiler.set_stance("default"):
            assert not eager()
        assert eager()


@pytest.mark.parametrize(
    "way",
    [
        ends_normally,
        ends_with(ValueError()),
        ends_with(KeyboardInterrupt()),
        ends_with(SystemExit()),
        is_reset,
        gets_lost,
        ends_out_of_order,
        ends_on_another_thread,
        ends_in_a_forward,
        has_a_stance_of_the_host_inside,
    ],
    ids=lambda way: way.__qualname__.partition(".")[0],
)
def test_the_stance_is_put_back_when_a_trace(way: Callable[[], None]) -> None:
    way()  # the fixture looks at the stance
    assert not active.recorders


def test_the_stance_of_the_host_stays_where_it_was_set_later() -> None:
    before = dynamo()._stance
    with tracelab.trace(see_through_compile=True):
        torch.compiler.set_stance("eager_on_recompile")
    assert dynamo()._stance.stance == "eager_on_recompile"
    dynamo()._stance = before


def test_an_interrupt_at_any_line_of_ours_leaves_no_stance() -> None:
    files = injector.files_of("instruments/stance.py")

    def interrupt() -> None:
        raise KeyboardInterrupt

    fired, sessions = 0, []
    for injection in injector.everywhere(injector.at_line, interrupt, files):
        session = tracelab.trace(see_through_compile=True)
        sessions.append(session)  # held, so that no finalizer is interrupted: nobody could catch that
        with injection:
            try:
                with session:
                    pass
            except KeyboardInterrupt:
                fired += 1
        tracelab.reset()  # an interrupt inside `__exit__` itself: DESIGN 7.5
        assert not eager(), injection.where
    assert fired > 10


def test_see_through_is_seen_by_all_and_compiles_nothing_new() -> None:
    compilations: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compilations.append(1)
        return graph.forward

    model = torch.compile(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), backend=backend, fullgraph=True)
    model(X)
    with tracelab.trace(see_through_compile=True) as trace, tracelab.trace() as inner:
        model(X)
        model(torch.ones(5, 3))
    assert paths(trace) == paths(inner) == SHOWN * 2
    model(X)
    assert compilations == [1]


def test_a_torch_without_stances_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.compiler, "set_stance")
    call = nn.Module.__call__
    with pytest.raises(tracelab.TracelabError, match=r"see_through_compile=True is not possible") as caught:
        tracelab.trace(see_through_compile=True).__enter__()
    assert torch.__version__ in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nn.Module.__call__ is call
    assert not active.recorders
    with tracelab.trace():
        pass


def test_inside_of_compiled_code_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch does not let a stance be set while it compiles or runs compiled code."""
    refused = SimpleNamespace(get_eval_frame_callback=lambda: print)
    monkeypatch.setattr(
        torch._C._dynamo.eval_frame, "get_eval_frame_callback", refused.get_eval_frame_callback
    )
    with pytest.raises(tracelab.SetupError, match=r"torch\.compile region"):
        tracelab.trace(see_through_compile=True).__enter__()
    assert not active.recorders


def test_a_session_that_saw_through_keeps_no_module() -> None:
    model = compiled()
    with tracelab.trace(see_through_compile=True) as trace:
        model(X)
    gone = weakref.ref(model._orig_mod[0])
    del model
    gc.collect()
    assert gone() is None
    assert paths(trace) == SHOWN


# --- torch that is loaded later ---------------------------------------------------------------------

LATE = """
    import tracelab
    with tracelab.trace(see_through_compile=True) as trace:
        import torch
        model, x = torch.nn.Sequential(torch.nn.Linear(3, 3)), torch.ones(2, 3)
        def refuse(graph, inputs):
            raise AssertionError("compiled")
        torch.compile(model, backend=refuse)(x)
    import torch._dynamo.eval_frame as dynamo
    assert dynamo._stance.stance == "default", dynamo._stance
    assert "tracelab" not in dynamo._callback_from_stance.__code__.co_filename
    assert trace.internal_errors == 0
    print([call.path for call in trace.calls])
"""

SCRIPT = """
import torch
model = torch.compile(torch.nn.Sequential(torch.nn.Linear(3, 3)), backend="eager")
print(tuple(model(torch.ones(2, 3)).shape))
"""


def python(*words: str, folder: Path = REPOSITORY) -> tuple[str, str]:
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip(), done.stderr


def test_torch_that_is_imported_after_the_trace_began() -> None:
    assert python("-c", textwrap.dedent(LATE))[0] == "['', '_orig_mod', '_orig_mod.0']"


@pytest.mark.parametrize(("options", "shown"), [([], False), (["--see-through-compile"], True)])
def test_a_compiled_script_under_tracelab_run(options: list[str], shown: bool, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    out, err = python("-m", "tracelab", "run", *options, str(script))
    assert out == "(2, 3)"
    assert ("_orig_mod.0" in err or "0 Linear" in err) is shown
    assert ("compiled: what runs inside is not seen" in err) is not shown
