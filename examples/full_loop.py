"""The loop that a `Trainer` hides, in plain PyTorch and with `accelerate`.

The course, chapter 3, "A full training": for each batch of each epoch run the model, `loss.backward()`,
`optimizer.step()`, `lr_scheduler.step()`, `optimizer.zero_grad()`.  The linear scheduler takes the learning
rate from its first value to 0 over all steps.  For `accelerate` only a few lines change: `prepare` takes the
model, the optimizer and the loader, and `accelerator.backward(loss)` stands where `loss.backward()` was.

The table of steps is the same for both, and so are the weights at the end.
"""

import torch
from accelerate import Accelerator
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.utils.data import DataLoader
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    get_scheduler,
)

import tracelab

EPOCHS = 2
words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5}
pieces = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
pieces.pre_tokenizer = pre_tokenizers.Whitespace()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]")
rows = [{**tokenizer(text), "labels": number % 2} for number, text in enumerate(["a a", "a b a b"] * 4)]
config = BertConfig(
    vocab_size=6, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
)


def train(accelerator=None):
    """The model after two epochs of eight rows, four at a time."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    loader = DataLoader(rows, batch_size=4, collate_fn=DataCollatorWithPadding(tokenizer))
    if accelerator:
        loader, model, optimizer = accelerator.prepare(loader, model, optimizer)
    steps = EPOCHS * len(loader)
    scheduler = get_scheduler("linear", optimizer=optimizer, num_warmup_steps=0, num_training_steps=steps)
    model.train()
    for _ in range(EPOCHS):
        for batch in loader:
            loss = model(**batch).loss
            accelerator.backward(loss) if accelerator else loss.backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return model


trained = []
for accelerator in (None, Accelerator(cpu=True)):
    with tracelab.trace(values=True) as trace:
        trained.append(train(accelerator))
    print(trace)
    trace.print_steps()
    name, steps = "accelerate" if accelerator else "plain", trace.steps()
    print(f"{name}: phases of each step:", ", ".join(steps[0].times))
    print(f"{name}: learning rates:", [f"{step.facts['learning_rate']:.3g}" for step in steps])
pairs = zip(*(model.state_dict().values() for model in trained), strict=True)
print("the same weights:", all(torch.equal(*pair) for pair in pairs))
