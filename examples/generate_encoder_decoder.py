"""T5, step against step: what does the first step do that no later one does again?

"Encoder-decoder" models in the documentation: the encoder reads the whole input once; the decoder starts from
one start token and attends to itself and to what the encoder found.  "Caching": keys and values of the
cross-attention never change, so they are computed in the first step and kept.
"""

import torch
from transformers import T5Config, T5ForConditionalGeneration

import tracelab

torch.manual_seed(0)
config = T5Config(
    vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
)
model = T5ForConditionalGeneration(config).eval()
text = torch.tensor([[11, 12, 13, 14, 15, 16, 1]])
options = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False}

plain = model.generate(text, **options)
with tracelab.trace() as trace:
    ids = model.generate(text, **options)

trace.print_steps()
encode, *steps = trace.steps()
print("the same tokens without the trace:", torch.equal(plain, ids))
print("encoded before the first step:", encode.call.path, encode.input, "to", encode.facts["output"])
print("positions of the text that each step attends to:", [step.cross_length for step in steps])
print("\nprefill against the first decode step:")
print(trace.step(0).compare(trace.step(1)))
print("\nthe first decode step against the second:")
print(trace.step(1).compare(trace.step(2)))
