"""Asking a trace: by name, by place in the model, by step; and keeping it in a file.

A pattern is `Owner.function` with `*`.  A call knows its caller, its callees, its shapes, and the line of
the installed library where its code stands.
"""

import tempfile
from pathlib import Path

import tracelab
from tracelab.demo import build

run, _ = build("llama")
with tracelab.trace() as trace:
    run()

print("attention calls:", trace.count("*Attention.forward"))
print("of the last layer:", len(trace.find("*Attention.forward", path="model.layers.3.*")))
print("in step 0:", len(trace.find("*Attention.forward", step=0)))

call = trace.find("LlamaAttention.forward", step=2)[0]
print("path:", call.path)
print("called by:", call.parent.name)
print("calls:", [child.path.rpartition(".")[2] for child in call.children])
print("hidden_states:", call.inputs["hidden_states"])
print("stands in:", Path(call.file).name, "line > 0:", call.line > 0)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "run.json.gz"
    trace.save(file)
    again = tracelab.load(file)
print("the file holds the same tree:", str(again) == str(trace))
