"""How a pair of sentences becomes one row: the tokenizer joins, pads and marks; the model adds a loss.

The course, chapter 3, "Processing the data": of two texts a tokenizer makes `[CLS] one [SEP] other [SEP]`.
`token_type_ids` say which of them a token belongs to, 0 for all up to the first `[SEP]` and 1 for the rest;
BERT has embeddings for them and learnt with them.  A model that did not, like DistilBERT, takes none, and its
tokenizer gives none.  The first pair is that of the course.
"""

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

import tracelab

FIRST = ["This is the first sentence.", "This is one."]
SECOND = ["This is the second one.", "The second is this."]
torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "this", "is", "the", "first", "sentence", "second", "one", "."]
pieces = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
pieces.normalizer = normalizers.BertNormalizer()
pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
names = ["input_ids", "token_type_ids", "attention_mask"]
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]", model_input_names=names)
without = PreTrainedTokenizerFast(
    tokenizer_object=pieces, pad_token="[PAD]", model_input_names=["input_ids", "attention_mask"]
)
config = BertConfig(
    vocab_size=12, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
)
bert = BertForSequenceClassification(config).eval()

with tracelab.trace() as trace:
    batch = tokenizer(FIRST, SECOND, padding=True, return_tensors="pt")
    with torch.no_grad():
        bert(**batch, labels=torch.tensor([1, 0]))
    without(FIRST, SECOND)

tracelab.show_batch(batch, tokenizer)
print(trace)
model = trace.find("BertForSequenceClassification.forward")[0]
for name in (*names, "labels"):
    print(f"{name}: {model.inputs[name]}")
print(f"logits: {model.output['logits']}")
print(f"loss: {model.output['loss']}")
embedded = trace.find("Embedding.forward", path="*.token_type_embeddings")
print("token types go into:", *(f"{call.path} {call.inputs['input']} → {call.output}" for call in embedded))
for call in trace.find("*.__call__", kind="method"):
    print("pairs:", call.facts["pairs"], "ids:", call.facts["ids"], "type ids:", call.facts["type_ids"])
