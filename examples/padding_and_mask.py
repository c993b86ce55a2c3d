"""Two sentences in one batch: what padding does to the logits, and what the attention mask is for.

The course, chapter 2, "Handling multiple sequences": a model takes a batch, a tensor of two dimensions, and
fails on the ids of one sentence alone.  Sentences of different lengths are padded to the longest.  Without an
attention mask the model attends to the padding as to any other token, so the logits of the shorter sentence
are wrong; with the mask they are those of the sentence alone.  As in the course, a sentence is the same token
three times, and the other one twice.
"""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

import tracelab

torch.manual_seed(0)
pieces = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "fine": 2}, unk_token="[UNK]"))
pieces.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]", unk_token="[UNK]")
config = DistilBertConfig(
    vocab_size=3,
    dim=32,
    n_layers=2,
    n_heads=2,
    hidden_dim=64,
    initializer_range=0.5,
    max_position_embeddings=8,
)
model = DistilBertForSequenceClassification(config).eval()

batch = tokenizer(["fine fine fine", "fine fine"], padding=True, return_tensors="pt")
ids, mask = batch["input_ids"], batch["attention_mask"]
tracelab.show_batch(batch, tokenizer)
print()
tracelab.show_batch({"input_ids": ids}, tokenizer)  # it says what is missing
print()

with tracelab.trace() as trace, torch.no_grad():
    alone = [model(ids[:1]).logits[0], model(ids[1:, :2]).logits[0]]  # without the padding
    without = model(ids).logits
    masked = model(ids, attention_mask=mask).logits
    try:
        model(ids[1])
    except (IndexError, RuntimeError, ValueError) as error:
        print("refused:", type(error).__name__)

print(trace)
for name, logits in (("without the mask", without), ("with the mask", masked)):
    same = [torch.allclose(*pair, atol=1e-5) for pair in zip(logits, alone, strict=True)]
    print(f"{name}, the logits of each sentence alone:", same)
failed = trace.find(status="error")
print("failed at:", failed[-1].path, "given", failed[-1].inputs["input_ids"])
