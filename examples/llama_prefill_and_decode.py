"""Two kinds of steps: prefill reads the whole prompt at once, decode one token at a time.

The same `forward` runs in both; what differs are the shapes and the cache.  Without a cache every step is
a prefill that reads all tokens again, which is what makes it slow.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import tracelab

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
)
model = LlamaForCausalLM(config).eval()
prompt = torch.tensor([[5, 6, 7, 8, 9]])
options = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False, "pad_token_id": 0}

with tracelab.trace() as cached:
    model.generate(prompt, **options)
with tracelab.trace() as uncached:
    model.generate(prompt, use_cache=False, **options)
with tracelab.trace() as beams:
    model.generate(prompt.repeat(2, 1), num_beams=2, **options)

print(cached)
for name, trace in (("with a cache", cached), ("without", uncached)):
    print(f"{name}, tokens read in each step:", [step.input[1] for step in trace.steps()])
print("phases:", [step.phase for step in cached.steps()])
print("batch 2 with 2 beams, rows in each step:", [step.input[0] for step in beams.steps()])
