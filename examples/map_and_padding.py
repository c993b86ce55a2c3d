"""`map` tokenizes a table in batches, and the collator pads each batch as far as that one needs.

The course, chapter 3, "Processing the data": `dataset.map(tokenize, batched=True)` hands many rows at a time
to the tokenizer, and adds the columns that it made.  It pads nothing: `DataCollatorWithPadding` pads a batch
to its own longest row when the batch is made (dynamic padding).  That wastes less than to pad every row to
one length (`padding="max_length"`).  The rows are as long as the eight samples of the course.
"""

from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

import tracelab

LENGTHS = [50, 59, 47, 67, 59, 50, 62, 32]  # ids of each pair, 3 special ones among them
disable_progress_bars()
words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "word": 4}
pieces = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
pieces.pre_tokenizer = pre_tokenizers.Whitespace()
pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
names = ["input_ids", "token_type_ids", "attention_mask"]
tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]", model_input_names=names)
table = Dataset.from_dict(
    {
        "sentence1": ["word " * 10] * 8,
        "sentence2": ["word " * (length - 10 - 3) for length in LENGTHS],
        "label": [1, 0] * 4,
        "idx": range(8),
    }
)


def batches(**padding):
    """The batches of four rows that a loader gives."""

    def tokenize(rows):
        return tokenizer(rows["sentence1"], rows["sentence2"], truncation=True, max_length=128, **padding)

    tokenized = table.map(tokenize, batched=True, batch_size=4)
    rows = tokenized.remove_columns(["sentence1", "sentence2", "idx"])
    return list(DataLoader(rows, batch_size=4, collate_fn=DataCollatorWithPadding(tokenizer)))


with tracelab.trace() as dynamic:
    batches()
with tracelab.trace() as fixed:
    batches(padding="max_length")

print(dynamic)
print(fixed)
told = dynamic.find("Dataset.map")[0].facts
print("map:", told["rows"], "rows in", told["batches"], "batches, new columns:", ", ".join(told["added"]))
for name, trace in (("dynamic", dynamic), ("fixed", fixed)):
    made = [call.facts for call in trace.find("DataCollatorWithPadding.__call__")]
    shares = [f"{facts['padding_share']:.1%}" for facts in made]
    print(f"{name}:", *(facts["batch"] for facts in made), "padding:", *shares)
    padded = sum(call.facts.get("padded", 0) for call in trace.find("*.__call__"))
    print(f"{name}: padding in the table: {padded}")
