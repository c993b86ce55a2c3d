"""Programs that die while they are traced, one process for each, without waiting for torch each time.

A `Nursery` is a process that has imported torch and built a small Llama.  `run(program)` makes it fork a
victim, which goes into a folder of its own and runs the program as its main module, to whatever end: by
`sys.exit` through all finalizers, by a signal, by `execv`, or at once after its last line.  What the program
finds there:

    model       three calls: a Sequential and two Identities;  X  its input
    net         a Llama of two layers;  FEED  its arguments;  generate()  what it is used for
    wait(n)     until `run.jsonl` holds n calls
    number()    of the descriptor of `run.jsonl`
    link(n)     the path of a descriptor

A victim that hangs is killed after a minute (SIGALRM) and has said where it hung.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from tracelab.calls import Trace

REPOSITORY = Path(__file__).resolve().parent.parent.parent

_BEGIN = """
import faulthandler, json, os, resource, signal, sys, threading, time, warnings
import torch
from torch import nn
import tracelab
from tests.models import ZOO
from tracelab.exporters.stream import writer

writer.PAUSE = 0.01
torch.set_num_threads(1)
X = torch.ones(1, 2)
model = nn.Sequential(nn.Identity(), nn.Identity())
net, FEED = ZOO["llama"].build(), ZOO["llama"].generate_arguments()

def generate():
    return net.generate(**FEED)

def wait(calls):
    while tracelab.load("run.jsonl").recorded < calls:
        time.sleep(0.005)

def link(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""

def number():
    return next(int(name) for name in os.listdir("/proc/self/fd") if link(name).endswith("run.jsonl"))

generate()
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
while True:
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        break
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps(code), flush=True)
os.chdir(order["folder"])
out = os.open("out.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(out, 1)
os.dup2(out, 2)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
faulthandler.register(signal.SIGALRM, chain=True)
signal.alarm(60)
exec(compile(order["program"], "program.py", "exec"))
sys.stdout.flush()
os._exit(0)  # to leave in good order takes torch more than a second
"""


class End(NamedTuple):
    """How a victim ended: its exit code, negative for a signal, and all that it said."""

    code: int
    said: str


def names(trace: Trace) -> list[str]:
    """What was called, in order."""
    return [call.name for call in trace.calls]


class Nursery:
    """A process that forks victims."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )

    def run(self, program: str, folder: Path) -> End:
        """Run a program in a folder."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        order = {"program": textwrap.dedent(program), "folder": str(folder)}
        print(json.dumps(order), file=stdin, flush=True)
        answer = stdout.readline()
        assert answer, "the nursery itself has died"
        return End(json.loads(answer), (folder / "out.txt").read_text())

    def close(self) -> None:
        """No more victims."""
        self._process.communicate(timeout=60)
