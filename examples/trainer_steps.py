"""What a `Trainer` does in a training step, and what becomes of the table before.

The course, chapter 3, "Fine-tuning a model with the Trainer API": model, arguments, data and collator are
enough.  The Trainer drops the columns that the model's forward does not take, and for each step it pads a
batch, runs forward, loss and backward, clips the gradients, and moves weights and learning rate, which falls
in a line to 0.  An evaluation is forwards alone.

The checkpoint is that of a model without a head, so the head is new, and says nothing before it is trained;
here it is set to give 0 for both classes.  So the first loss is that of a guess: ln 2.
"""

import math
import tempfile

import torch
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

import tracelab

disable_progress_bars()
torch.manual_seed(0)
words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5}
pieces = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
pieces.pre_tokenizer = pre_tokenizers.Whitespace()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]")
config = BertConfig(
    vocab_size=6, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
)
columns = {"sentence1": ["a a", "a b a"] * 6, "sentence2": ["a a", "b b"] * 6, "label": [1, 0] * 6}
table = Dataset.from_dict({**columns, "idx": range(12)})
table = table.map(lambda rows: tokenizer(rows["sentence1"], rows["sentence2"]), batched=True)
options = {"max_steps": 3, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 6}
quiet = {"disable_tqdm": True, "logging_strategy": "no", "save_strategy": "no", "report_to": []}

with tempfile.TemporaryDirectory() as folder, tracelab.trace(values=True, stats=True) as trace:
    BertModel(config).save_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder)
    torch.nn.init.zeros_(model.classifier.weight)
    arguments = TrainingArguments(folder, learning_rate=3e-3, use_cpu=True, **options, **quiet)
    collator = DataCollatorWithPadding(tokenizer)
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=table, eval_dataset=table)
    trainer.train()
    trainer.evaluate()

print(trace)
trace.print_steps()
print("head:", *trace.heads())
dropped = trace.find("Trainer._remove_unused_columns")[0].facts
print("dropped:", ", ".join(dropped["dropped"]), "by the signature of", dropped["signature"])
first, *rest = trace.steps()
print("phases:", ", ".join(first.times))
print("first loss is ln 2:", math.isclose(first.facts["loss"], math.log(2), rel_tol=1e-4))
steps = [step for step in (first, *rest) if step.phase == "train"]
print("learning rates:", [round(step.facts["learning_rate"], 6) for step in steps])
evaluated = [step for step in rest if step.phase == "eval"]
print("evaluated:", [step.input for step in evaluated], "in", ", ".join(evaluated[0].times))
