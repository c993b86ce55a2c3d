"""Assisted decoding: a small model drafts some tokens, the large one checks them all in one forward pass.

"Assisted decoding" in the documentation: the assistant generates candidate tokens, the main model verifies
them in a single forward pass and accepts those that it would have written itself, so greedy output stays
the same.  "Prompt lookup" drafts without a model: it looks for the last words earlier in the text.

A step writes the accepted tokens and one more of the main model's own.  What was rejected is cropped from the
cache.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import tracelab

torch.manual_seed(0)
sizes = {"vocab_size": 100, "intermediate_size": 64, "num_attention_heads": 4, "eos_token_id": None}
model = LlamaForCausalLM(LlamaConfig(hidden_size=32, num_hidden_layers=2, **sizes)).eval()
stranger = LlamaForCausalLM(LlamaConfig(hidden_size=16, num_hidden_layers=1, **sizes)).eval()
for assistant in (model, stranger):  # always three tokens, however unsure the assistant is
    assistant.generation_config.num_assistant_tokens = 3
    assistant.generation_config.num_assistant_tokens_schedule = "constant"
    assistant.generation_config.assistant_confidence_threshold = 0.0
prompt = torch.tensor([[5, 6, 7, 8]])
options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
greedy = model.generate(prompt, **options)

runs = {
    "itself": (prompt, {"assistant_model": model}),
    "a stranger": (prompt, {"assistant_model": stranger}),
    # The text so far has it all, so what comes next stands in it already.
    "the text": (torch.cat([greedy, prompt], 1), {"prompt_lookup_num_tokens": 3}),
}
for name, (text, more) in runs.items():
    plain = model.generate(text, **options)
    with tracelab.trace() as trace:
        ids = model.generate(text, **options, **more)
    print(f"\nassisted by {name}:")
    trace.print_steps()
    steps = [step for step in trace.steps() if "drafted" in step.facts]
    drafts = [(step.facts["accepted"], step.facts["drafted"]) for step in steps]
    print(f"{name}: the tokens of greedy search without the trace:", torch.equal(plain, ids))
    if name == "itself":
        print("accepted of drafted:", ", ".join(f"{accepted} of {drafted}" for accepted, drafted in drafts))
        print("places checked in each step:", [step.logits[1] for step in steps])
    print(f"{name}: new tokens are accepted ones and one in each step:", sum(n + 1 for n, _ in drafts) == 8)
