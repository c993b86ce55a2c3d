"""A program that knows secrets, run in a process of its own: what it traces, saves and logs must hold none.

`run` executes `PROGRAM` with canaries in its environment, home directory, user name, prompt, token ids,
tensor values, keys, exception messages, and in the folder of its script.  It writes every form that a trace
has into one folder and prints what an audit hook heard while it traced and saved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROMPT = "canary-prompt: my password is hunter2"
WORD = "Kanarienvogel"
IDS = (1_948_611, 1_948_647, 1_948_661)
NUMBER = 7351.8125
ENVIRONMENT = "canary-environment-5150"
MESSAGE = "canary-message-8088"
HOME = "canary-home-4711"
USER = "canary-user-1234"
HOST = "canary-host-2323"

PROGRAM = '''
import importlib, json, logging, os, pkgutil, platform, socket, sys
from pathlib import Path
import torch, transformers
from transformers import LlamaConfig, LlamaForCausalLM
import tracelab
from tracelab.describe.writing import factory
from tracelab.recorder import active
from tracelab.renderers import picture, tree

# Our own files are read now, with and without compiled ones beside them, and not while the hook listens.
for room in pkgutil.walk_packages(tracelab.__path__, "tracelab."):
    if not room.name.endswith(("__main__", "lines.monitoring")):
        importlib.import_module(room.name)

PROMPT, WORD, IDS, NUMBER, MESSAGE, HOST, OUT, options = json.loads(sys.argv[1])
options = dict(options)
platform.node = socket.gethostname = lambda: HOST
os.uname = lambda real=os.uname(): type(real)((real[0], HOST, *real[2:]))
torch.manual_seed(0)
sizes = dict(vocab_size=2_000_000, hidden_size=4, intermediate_size=4, num_hidden_layers=2,
             num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64)
model = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
ids = torch.tensor([IDS])

class Asks(torch.nn.Module):
    """Takes secrets in every place where a value can be, and fails with one."""
    def forward(self, text, *rest, **named):
        if text == "fail":
            raise ValueError(MESSAGE, PROMPT)
        return {PROMPT: text, "x": NUMBER}

heard, on = [], []
def hook(event, arguments):
    if on:
        texts = [one.decode("utf-8", "replace") if type(one) is bytes else str(one) for one in arguments]
        heard.append((event, [text[:5000] for text in texts]))
log = logging.FileHandler(OUT + "/log.txt")
logging.getLogger().addHandler(log)
sys.addaudithook(hook)

asks = Asks()
value = torch.full((2, 2), NUMBER)
secrets = [PROMPT, WORD, {PROMPT: WORD}, {WORD + "!": NUMBER}, {i: i for i in IDS}, [NUMBER, IDS], value,
           os.environ, dict(os.environ), Path.home(), str(Path.home()) + "/x.wav", object(), asks, model,
           {str(Path.home()) + "/x.wav": 1}, memoryview(PROMPT.encode()), PROMPT.encode(),
           socket.gethostname(), lambda: PROMPT, ValueError(MESSAGE), iter([PROMPT])]
made = os.umask(0)
def work():
    model.generate(ids, max_new_tokens=3, do_sample=False)
    for secret in secrets:
        for _ in range(3):
            asks(secret, (secret, value), [secret], named=secret, other={"key": secret})
    for _ in range(2):
        try:
            asks("fail")
        except ValueError:
            pass

with tracelab.trace():       # what a first trace loads is loaded
    work()
with tracelab.trace(file=OUT + "/warm.jsonl", **options) as warm:
    model(ids)
for form in (str, tree.html, picture.svg, repr):
    form(warm)
warm.save(OUT + "/warm.json.gz"), tracelab.load(OUT + "/warm.json.gz")
tracelab.load(OUT + "/warm.jsonl")
os.remove(OUT + "/warm.json.gz"), os.remove(OUT + "/warm.jsonl")
factory.cache_clear()  # the readers are compiled again

on.append(1)
with tracelab.trace(file=OUT + "/run.jsonl", **options) as trace:
    work()
    active.recorders[0].fault("canary test", ValueError(MESSAGE))
trace.save(OUT + "/run.json")
trace.save(OUT + "/flat.json", fold=False)
trace.save(OUT + "/run.json.gz")
shown = {"text.txt": str(trace), "page.html": tree.html(trace), "tree.svg": picture.svg(trace),
         "calls.txt": repr([(c, c.inputs, c.output, c.facts, c.error) for c in trace.calls]),
         "meta.txt": repr(trace.meta), "steps.txt": repr(trace.steps())}
tracelab.load(OUT + "/run.json.gz"), tracelab.load(OUT + "/run.jsonl")
on.clear()
for name, text in shown.items():
    Path(OUT, name).write_text(text)
addresses = [f"{id(one):x}" for one in (model, asks, value, ids, *model.modules(), *secrets[:4])]
addresses += [str(int(one, 16)) for one in addresses]
print(json.dumps([heard, addresses, sorted(trace.columns.faults)]))
'''


def run(folder: Path, **options: Any) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Run the program in `folder`; what the hook heard, and everything that must not be found."""
    home, out = folder / HOME, folder / "out"
    script = home / "work" / "program.py"
    script.parent.mkdir(parents=True)
    out.mkdir()
    script.write_text(PROGRAM)
    (folder / "link").symlink_to(home)  # a home directory that is a link elsewhere
    arguments = json.dumps([PROMPT, WORD, IDS, NUMBER, MESSAGE, HOST, str(out), options])
    changed = {"HOME": str(folder / "link"), "USER": USER, "CANARY": ENVIRONMENT, "LOGNAME": USER}
    done = subprocess.run(
        [sys.executable, str(script), arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **changed},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    heard, addresses, faults = json.loads(done.stdout.splitlines()[-1])
    assert faults == ["canary test: ValueError"], faults
    (out / "stderr.txt").write_text(done.stderr)
    canaries = [PROMPT, "hunter2", WORD, *map(str, IDS), str(NUMBER), "7351.8", "7.35e+03", ENVIRONMENT]
    return heard, [*canaries, MESSAGE, HOME, USER, HOST, *addresses]
