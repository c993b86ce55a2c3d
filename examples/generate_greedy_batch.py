"""Greedy search on a batch of prompts of unequal length, padded on the left.

"Generation strategies" in the documentation: greedy search takes the most likely token at each step, and
`generate` does so unless told otherwise.  "Padding" of "Text generation": a decoder goes on from the last
token, so prompts are padded on the left, and the attention mask tells padding from text.

A row that has written its end token is finished; it gets padding until the last row is finished too.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import tracelab

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
)
model = LlamaForCausalLM(config).eval()
PAD = 0
prompts = torch.tensor([[PAD, PAD, 5, 6, 7], [8, 9, 10, 11, 12]])
mask = (prompts != PAD).long()
options = {"max_new_tokens": 6, "pad_token_id": PAD}
end = int(model.generate(prompts, attention_mask=mask, **options, eos_token_id=None)[0, 7])
options["eos_token_id"] = end  # from now on, what row 0 writes as its third token ends a row

plain = model.generate(prompts, attention_mask=mask, **options)
with tracelab.trace(values=True) as trace:
    ids = model.generate(prompts, attention_mask=mask, **options)
with tracelab.trace() as without_padding:
    model.generate(prompts[1:], attention_mask=mask[1:], **options)

trace.print_steps()
steps = trace.steps()
print("the same tokens without the trace:", torch.equal(plain, ids))
print("mask of each step:", [step.mask for step in steps])
print("rows finished after each step:", [step.finished for step in steps])
print("stopped by:", trace.generations()[0].stopped_by)
print("row 0 chose its end token in step", [step.chosen[0][0] for step in steps].index(end))
print("from then on row 0 gets:", ids[0, 8:].tolist())
print("nothing to mask, no mask:", without_padding.generations()[0].mask_dropped)
