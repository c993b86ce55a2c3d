"""An encoder-decoder model encodes once: who calls the encoder, and who uses what it found?

`generate` calls the encoder itself, outside of the model's own `forward`.  Each decoding step gets its
output as `encoder_outputs`, so `forward` skips the encoder.
"""

import tracelab
from tracelab.demo import build

run, about = build("t5")
with tracelab.trace() as trace:
    run()

print(about)
print(trace)

stacks = trace.find("T5Stack.forward")
print("encoder runs:", sum(call.path == "encoder" for call in stacks))
print("decoder runs:", sum(call.path == "decoder" for call in stacks))

encoder = next(call for call in stacks if call.path == "encoder")
print("outermost call above the encoder:", encoder.ancestors[-1].name)
print("model forwards above the encoder:", sum(call.function == "forward" for call in encoder.ancestors))
first = trace.step(0).call
print("each step is given:", first.inputs["encoder_outputs"]["last_hidden_state"])
print("which is what the encoder gave:", first.inputs["encoder_outputs"] == encoder.output)
