"""How a pair of sentences becomes one row: the tokenizer joins, pads and marks; the model adds a loss.

Two pairs of unequal length make a batch, so the shorter one is padded.  `token_type_ids` say which
sentence a token belongs to, and the embeddings take them in next to the tokens themselves.
"""

import tracelab
from tracelab.demo import build

run, about = build("bert")
with tracelab.trace() as trace:
    run()

print(about)
print(trace)

model = trace.find("BertForSequenceClassification.forward")[0]
for name in ("input_ids", "token_type_ids", "attention_mask", "labels"):
    print(f"{name}: {model.inputs[name]}")
print(f"logits: {model.output['logits']}")
print(f"loss: {model.output['loss']}")
print("the tokenizer ran before the model:", trace.find("BertTokenizer*.__call__")[0].id < model.id)
print("layers:", trace.count("BertLayer.forward"))
