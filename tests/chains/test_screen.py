"""The tree with its chains, at 80 columns: each line number is found in the source."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

import tracelab
from tests.models import ZOO
from tests.test_cli_run import tracelab as command
from tracelab.errors import TracelabError
from tracelab.renderers import tree
from tracelab.renderers.layout import Page
from tracelab.renderers.screen import plain

from . import program
from .lines import line_of
from .program import Host, Way

X = torch.ones(2)
FILE = "chains/program.py"
START = f"forward {FILE}:{line_of(Host.forward, 'self._way')}"
HELPER = f"helper :{line_of(Host.helper, 'self.inner')}"


def recorded(way: Way) -> tracelab.Trace:
    """In a thread of its own: above the host's call stands nothing but threading."""
    with tracelab.trace(chain=True) as trace:
        thread = threading.Thread(target=Host(way), args=(X,))
        thread.start()
        thread.join()
    return trace


def screen(trace: tracelab.Trace, **options: bool) -> list[str]:
    """Without the header, which tells a time."""
    return [plain(row).rstrip() for row in tree.tree(trace, Page(80), **options)][1:]  # type: ignore[arg-type]


def shaped(label: str) -> str:
    """A line with its shape at the right end of 80 columns."""
    return f"{label:<74}f32[2]"


def step(name: str, text: str) -> str:
    return f"{name} :{line_of(getattr(program, name), text)}"


def test_equal_chains_stay_folded_and_others_do_not() -> None:
    assert screen(recorded(program.thrice), chain=True) == [
        shaped("Host.forward"),
        shaped("├ inner ×3 Identity"),
        f"│   via {START} → {step('thrice', 'host.helper')} → {HELPER}",
        shaped("└ inner Identity"),
        f"    via {START} → {step('thrice', 'host.inner')}",
        "equal calls and small helpers share lines · --no-fold lists every call",
        # Threading's three frames above the host, torch's two around its forward for each of four calls.
        "11 frames between calls only hand on: --chain-all",
    ]


def test_without_chains_they_fold_as_ever() -> None:
    assert screen(recorded(program.thrice)) == [
        shaped("Host.forward"),
        shaped("└ inner ×4 Identity"),
        "equal calls and small helpers share lines · --no-fold lists every call",
    ]


def test_what_repeats_in_two_ways_is_a_repeat_of_two_lines() -> None:
    lines = screen(recorded(program.by_turns), chain=True)
    assert lines[1].startswith("└ ×2, a sequence of 2 calls") or "×2" in lines[1]
    assert sum("via" in line for line in lines) == 2


def test_recursion_is_one_step_with_its_count() -> None:
    assert screen(recorded(program.recursive), chain=True)[1:3] == [
        shaped("└ inner Identity"),
        f"    via {START} → {step('recursive', 'more - 1')} ×3 → {step('recursive', 'host.inner')}",
    ]


def test_of_a_long_chain_the_first_and_the_last_functions_are_named() -> None:
    def one(host: Host, x: torch.Tensor) -> None:
        host.inner(x)

    def two(host: Host, x: torch.Tensor) -> None:
        one(host, x)

    def three(host: Host, x: torch.Tensor) -> None:
        two(host, x)

    def four(host: Host, x: torch.Tensor) -> None:
        three(host, x)

    def five(host: Host, x: torch.Tensor) -> None:
        four(host, x)

    def six(host: Host, x: torch.Tensor) -> None:
        five(host, x)

    # Seven with the start: the first and the last four are named, two are not (six and five).
    rows = tree.tree(recorded(six), Page(200), chain=True)
    (line,) = [text for text in map(plain, rows) if "via" in text]
    last = line_of(one, "host.inner")
    assert line.strip() == (
        f"via {START} → … 2 more → four chains/test_screen.py:{line_of(four, 'three(')}"
        f" → three :{line_of(three, 'two(')} → two :{line_of(two, 'one(')} → one :{last}"
    )


def test_all_frames_are_shown_with_brackets_around_those_that_hand_on() -> None:
    torch_file = torch.nn.modules.module.__file__
    module = torch.nn.Module
    assert "nn/modules" in torch_file
    rows = tree.tree(recorded(program.decorated), Page(300), noise=True)
    lines = [text for text in map(plain, rows) if "via" in text]
    called = line_of(module._wrapped_call_impl, "return self._call_impl(*args, **kwargs)")
    ran = line_of(module._call_impl, "return forward_call(*args, **kwargs)")
    wrapper = line_of(program.like, "return function(")
    assert lines[1].strip() == (
        f"via (_wrapped_call_impl modules/module.py:{called}) → (_call_impl :{ran}) → {START}"
        f" → (wrapper :{wrapper}) → decorated :{line_of(program.decorated, 'host.inner')}"
    )
    assert lines[0].partition("via")[2].startswith(" (_bootstrap ")
    assert [word.partition(" ")[0] for word in lines[0].split("(")[1:]] == [
        "_bootstrap",
        "_bootstrap_inner",
        "run",
    ]


def test_no_line_is_wider_than_the_page_and_no_screen_longer_than_40_lines() -> None:
    model = ZOO["bert"].build()
    with torch.no_grad(), tracelab.trace(chain=True) as trace:
        model(**ZOO["bert"].inputs())
    for noise in (False, True):
        rows = [plain(row) for row in tree.tree(trace, Page(80), chain=True, noise=noise)]
        assert len(rows) <= 40
        assert max(map(len, rows)) <= 80
        assert any("via" in row for row in rows)


def test_the_functions_of_registries_say_where_they_stand() -> None:
    model = ZOO["llama"].build()
    model.set_attn_implementation("eager")
    with torch.no_grad(), tracelab.trace(chain=True) as trace:
        model(**ZOO["llama"].inputs())
    text = "\n".join(plain(row) for row in tree.tree(trace, Page(160), 20))
    assert "eager_attention_forward  attention: eager  → softmax :" in text
    assert "eager_mask  mask: eager" in text


def test_a_trace_without_chains_says_what_to_do() -> None:
    with tracelab.trace() as trace:
        Host(program.plain)(X)
    with pytest.raises(TracelabError, match=r"no call chains: record it with trace\(chain=True\)"):
        trace.print(chain=True)
    with tracelab.trace(chain=True) as nothing:
        pass
    nothing.print(chain=True)


def test_run_records_chains_and_show_draws_them_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import torch\n\ndef main(m):\n    m(torch.ones(2))\n\nmain(torch.nn.Identity())\n"
    )
    done = command(tmp_path, "run", "--chain", "-o", "run.json", "script.py")
    way = f"via <module> {tmp_path.name}/script.py:6 → main :4"
    assert done.returncode == 0, done.stderr
    assert way in done.stderr
    shown = command(tmp_path, "show", "--chain", "run.json")
    assert way in shown.stdout
    assert "via" not in command(tmp_path, "show", "run.json").stdout
    assert "(runpy" not in shown.stdout
    refused = command(tmp_path, "run", "-o", "plain.json", "script.py")
    assert refused.returncode == 0
    refused = command(tmp_path, "show", "--chain-all", "plain.json")
    assert refused.returncode != 0
    assert "tracelab run --chain" in refused.stderr
