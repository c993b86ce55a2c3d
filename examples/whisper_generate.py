"""What runs when Whisper transcribes: the encoder once, then the decoder once for each token.

A decoder layer of Whisper attends to itself and to the encoded sound.  The keys and values of the sound
never change, so they are computed in the first step and kept; the trace shows which code does that.
"""

import tracelab
from tracelab.demo import build

run, about = build("whisper")
with tracelab.trace() as trace:
    run()

print(about)
print(trace)

encoder = trace.find("WhisperEncoder.forward")
_, *steps = trace.steps()  # the first one is the encoder's
print("encoder runs:", len(encoder), "at", encoder[0].path)
print("before the first step:", encoder[0].id < steps[0].call.id)
print("tokens that went in, step by step:", [step.input[1] for step in steps])
print("tokens in the cache before each step:", [step.cache_before for step in steps])

keys = trace.find("Linear.forward", path="*.encoder_attn.k_proj")
queries = trace.find("Linear.forward", path="*.encoder_attn.q_proj")
print("cross-attention keys computed:", len(keys), "in steps", sorted({call.step for call in keys}))
print("cross-attention queries computed:", len(queries), "in steps", sorted({call.step for call in queries}))
