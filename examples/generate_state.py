"""Mamba: a cache that never grows, because it is a state and no list of tokens.

The page "Mamba" in the documentation: a state space model keeps a state of a fixed size, so a step costs the
same however long the text is.  A layer keeps the last inputs of its convolution and the state itself.
"""

import torch
from transformers import MambaConfig, MambaForCausalLM

import tracelab

torch.manual_seed(0)
config = MambaConfig(
    vocab_size=100, hidden_size=32, state_size=8, conv_kernel=4, num_hidden_layers=2, eos_token_id=None
)
model = MambaForCausalLM(config).eval()
prompt = torch.tensor([[5, 6, 7, 8, 9]])
options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}

plain = model.generate(prompt, **options)
with tracelab.trace() as trace:
    ids = model.generate(prompt, **options)

trace.print_steps()
steps = trace.steps()
first, last = steps[0].cache()[0], steps[-1].cache()[0]
print("the same tokens without the trace:", torch.equal(plain, ids))
print("tokens read in each step:", [step.input[1] for step in steps])
print("a cache that counts tokens:", any(step.cache_before is not None for step in steps))
print("state of a layer:", first.keys, first.values, "at the end the same:", first == last)
print("\nprefill against decode:")
print(trace.step(0).compare(trace.step(1)))
