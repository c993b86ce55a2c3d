"""Ways for a prompt to go in: as embeddings, in chunks, with an image.

The documentation of `generate` lets `inputs_embeds` stand for `input_ids`.  `prefill_chunk_size` of
"Text generation" cuts a long prompt into parts, so that less memory is needed at once.  "Multimodal"
models: an image is encoded once, and what comes out stands in the prompt where the image tokens were.
"""

import torch
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

import tracelab

torch.manual_seed(0)
text = LlamaConfig(
    vocab_size=100,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    eos_token_id=None,
)
# 28×28 pixels in patches of 14×14 are 2×2 patches, and CLIP puts one token for the whole image before them.
sight = CLIPVisionConfig(
    hidden_size=24,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    image_size=28,
    patch_size=14,
)
IMAGE = 99
llama = LlamaForCausalLM(text).eval()
llava = LlavaForConditionalGeneration(
    LlavaConfig(vision_config=sight, text_config=text, image_token_id=IMAGE)
).eval()
prompt = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
with_image = torch.tensor([[5, IMAGE, IMAGE, IMAGE, IMAGE, 6, 7]])
runs = {
    "ids": (llama, {"inputs": prompt}),
    "embeddings": (llama, {"inputs_embeds": llama.get_input_embeddings()(prompt).detach()}),
    "chunks of 3": (llama, {"inputs": prompt, "prefill_chunk_size": 3}),
    "image": (llava, {"input_ids": with_image, "pixel_values": torch.randn(1, 3, 28, 28)}),
}

for name, (model, given) in runs.items():
    options = {"max_new_tokens": 4, "do_sample": False, "pad_token_id": 0}
    plain = model.generate(**given, **options)
    with tracelab.trace() as trace:
        ids = model.generate(**given, **options)
    print(f"\n{name}:")
    trace.print_steps()
    steps = trace.steps()
    print(f"{name}: the same tokens without the trace:", torch.equal(plain, ids))
    print(f"{name}: phases:", ", ".join(step.phase for step in steps))
    print(f"{name}: input of each step:", *(step.input for step in steps))
