"""A loss of one's own: samples with key tokens count more.

The course, chapter 7, "Training a causal language model from scratch": code that uses certain libraries is
to weigh more.  `keytoken_weighted_loss` computes the loss of every token, takes the mean of each sample, and
weights that with one more than the number of key tokens in it.  Tokens < n predict token n: the function
shifts by itself, so the model is given no labels and computes no loss.

tracelab does not know this function, but what it calls.  The model is set to give the same logit for each of
8 tokens, so every token costs ln 8.
"""

import math

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import CrossEntropyLoss
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import tracelab

torch.manual_seed(0)
words = ["<pad>", "plt", "pd", "fit", "x", "=", ".", "y"]
pieces = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="<pad>")
keytoken_ids = [tokenizer.convert_tokens_to_ids(word) for word in ("plt", "pd", "fit")]
config = GPT2Config(vocab_size=8, n_embd=16, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)
model = GPT2LMHeadModel(config)
torch.nn.init.zeros_(model.lm_head.weight)


def keytoken_weighted_loss(inputs, logits, keytoken_ids, alpha=1.0):
    """As in the course, but for `reduction="none"`, which has taken the place of `reduce=False`."""
    # Shift so that tokens < n predict n
    shift_labels = inputs[..., 1:].contiguous()
    shift_logits = logits[..., :-1, :].contiguous()
    # Calculate per-token loss
    loss_fct = CrossEntropyLoss(reduction="none")
    loss = loss_fct(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))
    # Resize and average loss per sample
    loss_per_sample = loss.view(shift_logits.size(0), shift_logits.size(1)).mean(axis=1)
    # Calculate and scale weighting
    weights = torch.stack([(inputs == kt).float() for kt in keytoken_ids]).sum(axis=[0, 2])
    weights = alpha * (1.0 + weights)
    # Calculate weighted average
    return (loss_per_sample * weights).mean()


texts = ["plt . x = pd . y", "x = y = x = y"]  # two key tokens, and none
with tracelab.trace(values=True) as trace:
    inputs = tokenizer(texts, return_tensors="pt")["input_ids"]
    loss = keytoken_weighted_loss(inputs, model(inputs).logits, keytoken_ids)
    loss.backward()

print(trace)
trace.print_losses()
[told] = trace.losses()
print("the model was given labels:", "labels" in told.model.inputs)
print("logits:", told.logits, "→", told.logits_after, "labels:", told.labels_shape, "→", told.labels_after)
print("shifted", told.shifted, "· counted", told.labels, "· ignored", told.ignored, "·", told.reduction)
weights = [1 + sum(token in keytoken_ids for token in row) for row in inputs.tolist()]
print("weights of the samples:", weights, "loss:", round(loss.item(), 4))
print("ln 8 times their mean:", math.isclose(loss.item(), math.log(8) * sum(weights) / 2, rel_tol=1e-5))
print("backward was given it:", trace.steps()[0].facts["loss"] == loss.item())
