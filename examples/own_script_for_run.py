"""An ordinary script that knows nothing of tracelab.  Try:

    tracelab run examples/own_script_for_run.py --tokens 3
    tracelab run -o run.json.gz --depth 3 examples/own_script_for_run.py && tracelab show run.json.gz

It prints the same and ends with the same exit code as under `python`.
"""

import argparse

import torch
from transformers import GPT2Config, GPT2LMHeadModel

parser = argparse.ArgumentParser()
parser.add_argument("--tokens", type=int, default=5)
arguments = parser.parse_args()

torch.manual_seed(0)
config = GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=None)
model = GPT2LMHeadModel(config).eval()
prompt = torch.tensor([[1, 2, 3]])
ids = model.generate(prompt, max_new_tokens=arguments.tokens, do_sample=False, pad_token_id=0)
print("tokens:", ids.shape[1])
