"""Loops of one's own: a callable as `custom_generate`, and many requests in one batch that never waits.

"Custom generation methods" in the documentation: a callable that is given to `generate` as `custom_generate`
takes the place of the decoding loop, after `generate` has prepared everything.  "Continuous batching":
`generate_batch` puts the tokens of all requests one behind another into a single row, without padding; a
request that is finished leaves the row and makes room for the next one.
"""

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig, LlamaConfig, LlamaForCausalLM

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
prompt = torch.tensor([[5, 6, 7, 8]])


def least_likely(model, input_ids, stopping_criteria, past_key_values=None, **_):
    """The opposite of greedy search: always the id with the lowest score."""
    fed = input_ids
    while not stopping_criteria(input_ids, None).all():
        output = model(fed, past_key_values=past_key_values, use_cache=True)
        past_key_values = output.past_key_values
        fed = output.logits[:, -1:].argmin(-1)
        input_ids = torch.cat([input_ids, fed], 1)
    return input_ids


options = {"custom_generate": least_likely, "max_new_tokens": 5, "pad_token_id": 0}
plain = model.generate(prompt, **options)
with tracelab.trace() as custom:
    ids = model.generate(prompt, **options)
custom.print_steps()
print("custom: the same tokens without the trace:", torch.equal(plain, ids))
print("custom: input of each step:", *(step.input for step in custom.steps()))
print("custom: stopped by", *custom.generations()[0].stopped_by)

requests = [[5, 6, 7, 8], [9, 10, 11]]
room = ContinuousBatchingConfig(num_blocks=4, page_size=32, max_batch_tokens=64)
length = GenerationConfig(max_new_tokens=5, do_sample=False, pad_token_id=0, eos_token_id=-1)


def batch():
    """The new tokens of each request, all of them in one batch."""
    found = model.generate_batch(
        requests, generation_config=length, continuous_batching_config=room, progress_bar=False
    )
    return [found[key].generated_tokens for key in sorted(found)]


plain = batch()
with tracelab.trace() as continuous:
    tokens = batch()
print()
continuous.print_steps()
print("continuous: the same tokens without the trace:", tokens == plain)
print("continuous: input of each step:", *(step.input for step in continuous.steps()))
print("continuous: requests in each step:", *(step.facts["packed"] for step in continuous.steps()))
