"""A pipeline by hand: tokenizer, model, softmax, label; and the same in one line.

The course, chapter 2, "Behind the pipeline": `pipeline("sentiment-analysis")` puts three steps together.  The
tokenizer makes numbers of the text; the model makes features of them (its base), and logits of the features
(its head); logits are raw scores and no probabilities, so a softmax follows, and the label is the name of
the greatest.  The sentences, and how many ids each becomes, are those of the course.

The tree of the one line shows what by hand looks different: texts go through one at a time, so nothing is
padded.
"""

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

import tracelab

torch.manual_seed(0)
words = "[PAD] [UNK] [CLS] [SEP] i ' ve been waiting for a hugging ##face course my whole life . hate this so"
vocabulary = {word: number for number, word in enumerate([*words.split(), "much", "!"])}
pieces = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
pieces.normalizer = normalizers.BertNormalizer()
pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=pieces, pad_token="[PAD]", model_input_names=["input_ids", "attention_mask"]
)
config = DistilBertConfig(
    vocab_size=len(vocabulary), dim=32, n_layers=2, n_heads=2, hidden_dim=64, initializer_range=0.5
)
config.id2label = {0: "NEGATIVE", 1: "POSITIVE"}
model = DistilBertForSequenceClassification(config).eval()
texts = ["I've been waiting for a HuggingFace course my whole life.", "I hate this so much!"]

with tracelab.trace() as by_hand:
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
probabilities = torch.nn.functional.softmax(logits, dim=-1)
labels = [model.config.id2label[number] for number in probabilities.argmax(dim=-1).tolist()]

classify = pipeline("sentiment-analysis", model=model, tokenizer=tokenizer, device="cpu")
with tracelab.trace() as in_one_line:
    answers = classify(texts)

print(by_hand)
print(in_one_line)
told = by_hand.find("*.__call__")[0].facts
print("by hand:", {name: told[name] for name in ("texts", "ids", "special_added", "padded")})
print("by hand:", *by_hand.heads())
ones = torch.ones(2)
print("logits add up to 1:", torch.allclose(logits.sum(-1), ones))
print("probabilities add up to 1:", torch.allclose(probabilities.sum(-1), ones))
rows = in_one_line.find("DistilBertForSequenceClassification.forward")
print("in one line:", *in_one_line.heads())
print("in one line, ids of each model call:", [call.inputs["input_ids"].shape for call in rows])
print("the same labels:", [answer["label"] for answer in answers] == labels)
scores = torch.tensor([answer["score"] for answer in answers])
print("the same scores:", torch.allclose(scores, probabilities.max(dim=-1).values))
