"""Sampling: processors change the scores one after another, then an id is drawn from what they leave.

"Generation strategies" in the documentation: multinomial sampling draws the next token from the whole
distribution; `do_sample=True` turns it on.  The pages on `generation` say what each option does: a repetition
penalty lowers ids that are there already, `min_new_tokens` forbids the end token, a temperature below 1
sharpens, `top_k` keeps the k highest.  What they do not say is the order; the trace does.
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import tracelab

torch.manual_seed(0)
config = GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=None)
model = GPT2LMHeadModel(config).eval()
prompt = torch.tensor([[1, 2, 3]])
options = {
    "do_sample": True,
    "temperature": 0.5,
    "top_k": 5,
    "repetition_penalty": 1.5,
    "min_new_tokens": 2,
    "max_new_tokens": 6,
    "num_return_sequences": 4,
    "eos_token_id": list(range(50)),  # half of all ids end a sequence
    "pad_token_id": 99,
}

torch.manual_seed(0)
plain = model.generate(prompt, **options)
torch.manual_seed(0)
with tracelab.trace(values=True) as trace:
    ids = model.generate(prompt, **options)

trace.print_steps(fold=False)
first = trace.tokens(k=5)[0]
print("\nrow 0 of step 0, the highest scores before and after each processor:")
for name, best in [("model", first.before), *((stage.processor, stage.best) for stage in first.stages)]:
    print(f"  {name:35}", "  ".join(f"{token}: {score:6.3f}" for token, score in best))

(about,) = trace.generations()
choices = trace.tokens(k=5)
names = [stage.processor for stage in first.stages]
sharper = names.index("TemperatureLogitsWarper")
before, after = (first.stages[at].best[0][1] for at in (sharper - 1, sharper))
ended = (ids[:, 3:] < 50).cumsum(1).clamp(max=1).sum(0).tolist()
print("the same tokens without the trace:", torch.equal(plain, ids))
print("processors:", ", ".join(about.processors))
print("a temperature of 0.5 doubles a score:", round(after / before, 3) == 2)
early = [token for one in choices if one.step.index < 2 for token, _ in one.after]
print("an end is possible in steps 0 or 1:", min(early) < 50)
print("each id was one of 5, or padding:", all(one.chosen in {99, *dict(one.after)} for one in choices))
print("rows are finished where they wrote an end:", [step.finished for step in about.steps] == ended)
