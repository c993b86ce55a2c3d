"""One prompt, five caches: what each holds while the same tokens are written.

"Cache strategies" in the documentation: a dynamic cache grows with every token; a static cache has its room
from the beginning; a layer with a sliding window keeps no more than its window; a quantised cache keeps its
older part in fewer bits; with `use_cache=False` everything is computed again at each step.
"""

import importlib.util

import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

import tracelab

torch.manual_seed(0)
sizes = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "eos_token_id": None,
}
llama = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
mistral = MistralForCausalLM(MistralConfig(**sizes, sliding_window=6)).eval()
prompt = torch.tensor([[5, 6, 7, 8]])
options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
runs = {
    "dynamic": (llama, {}),
    "static": (llama, {"cache_implementation": "static"}),
    "sliding": (mistral, {}),
    "none": (llama, {"use_cache": False}),
}
if importlib.util.find_spec("optimum") and importlib.util.find_spec("optimum.quanto"):
    runs["quantised"] = (llama, {"cache_implementation": "quantized"})
else:
    print("the quantised cache is left out: its backend, optimum-quanto, is not installed")

for name, (model, more) in runs.items():
    plain = model.generate(prompt, **options, **more)
    with tracelab.trace() as trace:
        ids = model.generate(prompt, **options, **more)
    print(f"\n{name}:")
    trace.print_steps()
    steps = trace.steps()
    layers = steps[-1].cache()
    print(f"{name}: the same tokens without the trace:", torch.equal(plain, ids))
    print(f"{name}: tokens read in each step:", [step.input[1] for step in steps])
    if layers:
        print(f"{name}: keys of a layer: {steps[0].cache()[0].keys}, at the end {layers[0].keys}")
    print(f"{name}: bytes at the end:", sum(layer.bytes for layer in layers))
