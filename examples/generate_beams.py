"""Beam search: several hypotheses of each text at once, sorted anew after every step.

"Generation strategies" in the documentation: beam search keeps track of several generated sequences
(beams) at each step and in the end picks the one with the highest overall probability; it is turned on by
`num_beams`.  So 2 prompts with 3 beams are 6 rows.  After each step some beams die and others split, and the
cache has to follow: it is reordered.  `num_return_sequences` gives back more than the best one; where ids are
sampled it makes rows of its own instead.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import tracelab

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=100,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    eos_token_id=None,
)
model = LlamaForCausalLM(config).eval()
prompts = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
beams = {"num_beams": 3, "num_return_sequences": 2, "max_new_tokens": 5, "pad_token_id": 0}
sampled = {"do_sample": True, "num_return_sequences": 3, "max_new_tokens": 2, "pad_token_id": 0}

plain = model.generate(prompts, **beams)
with tracelab.trace() as trace:
    ids = model.generate(prompts, **beams)
torch.manual_seed(0)
plainly_sampled = model.generate(prompts, **sampled)
torch.manual_seed(0)
with tracelab.trace() as sampling:
    sampled_ids = model.generate(prompts, **sampled)

trace.print_steps()
print()
sampling.print_steps()
steps = trace.steps()
print(
    "the same tokens without the trace:", torch.equal(plain, ids), torch.equal(plainly_sampled, sampled_ids)
)
print("rows in each step:", [step.input[0] for step in steps], "of", steps[0].facts["batch"], "prompts")
print("the cache was reordered after steps:", [step.index for step in steps if step.facts.get("reordered")])
print("keys of a layer at the end:", steps[-1].cache()[0].keys)
print("sequences returned:", ids.shape[0])
print("rows when sampling:", [step.input[0] for step in sampling.steps()])
