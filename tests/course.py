"""What the lessons that follow the course must print, derived by hand from the data in their files.

The path is that of the Hugging Face course: pipeline, padding, pairs, `map`, `Trainer`, the full loop, a loss
of one's own.  `CLAIMS` and `TABLES` are read as those in `lessons`.
"""

from __future__ import annotations

CLAIMS = {
    "bert_pair": [
        # [CLS] this is the first sentence . [SEP] is of the first text, this is the second one . [SEP] of the
        # second: 8 + 7 = 15.
        "type      0        0     0   0    0      0         0   0        1     1   1",
        "type      1       1    1   1",
        # [CLS] this is one . [SEP] the second is this . [SEP] = 6 + 6 = 12, and 3 of padding.
        "row 1 · 15 ids · 3 special · 3 padding right",
        "token_type_ids: i64[2,15]",
        # 2 pairs, 2 labels; the loss is one number.
        "labels: i64[2]",
        "logits: f32[2,2]",
        "loss: f32[]",
        "token types go into: bert.embeddings.token_type_embeddings i64[2,15] → f32[2,15,32]",
        "pairs: 2 ids: 30 type ids: 0 and 1",
        # 15 and 12, without padding.
        "pairs: 2 ids: 27 type ids: none: the model takes none",
    ],
    "pipeline_by_hand": [
        # [CLS] i ' ve been waiting for a hugging ##face course my whole life . [SEP] = 16,
        # [CLS] i hate this so much ! [SEP] = 8 and as many of padding.
        "by hand: {'texts': 2, 'ids': 32, 'special_added': 4, 'padded': 8}",
        "by hand: DistilBertForSequenceClassification.forward: distilbert, then pre_classifier, dropout,"
        " classifier · [2,32] → [2,2] logits, not probabilities",
        "logits add up to 1: False",
        "probabilities add up to 1: True",
        "in one line: DistilBertForSequenceClassification.forward: distilbert, then pre_classifier, dropout,"
        " classifier · [1,32] → [1,2] logits, not probabilities"
        " · then softmax and argmax in TextClassificationPipeline.postprocess",
        "in one line, ids of each model call: [(1, 16), (1, 8)]",
        "the same labels: True",
        "the same scores: True",
    ],
    "padding_and_mask": [
        "row 0 · 3 ids",
        "row 1 · 3 ids · 1 padding right",
        "mask      1     1     0",
        "no attention_mask: the model attends to the padding of row 1 too",
        "without the mask, the logits of each sentence alone: [True, False]",
        "with the mask, the logits of each sentence alone: [True, True]",
    ],
    "map_and_padding": [
        "map: 8 rows in 2 batches, new columns: input_ids, token_type_ids, attention_mask",
        # 4 × 67 less 50 + 59 + 47 + 67 = 223 is 45 of 268; 4 × 62 less 59 + 50 + 62 + 32 = 203 is 45 of 248.
        "dynamic: (4, 67) (4, 62) padding: 16.8% 18.1%",
        "dynamic: padding in the table: 0",
        # 512 less 223 is 289, less 203 is 309; 289 / 512 and 309 / 512, together 598.
        "fixed: (4, 128) (4, 128) padding: 56.4% 60.4%",
        "fixed: padding in the table: 598",
    ],
    "trainer_steps": [
        # 16 features, 2 classes, 4 rows; the file had a model without a head.
        "head: BertForSequenceClassification.forward: bert, then dropout, classifier · [4,16] → [4,2] logits,"
        " not probabilities · newly initialised: classifier.bias, classifier.weight",
        "dropped: sentence1, sentence2, idx by the signature of BertForSequenceClassification.forward",
        "phases: forward, loss, backward, clip, optimizer, scheduler, zero_grad",
        "first loss is ln 2: True",
        # From 0.003 in a line to 0 after 3 steps.
        "learning rates: [0.003, 0.002, 0.001]",
        # [CLS] a b a [SEP] b b [SEP] = 8.
        "evaluated: [(6, 8), (6, 8)] in forward",
    ],
    "full_loop": [
        *(
            f"{name}: phases of each step: forward, loss, backward, optimizer, scheduler, zero_grad"
            for name in ("plain", "accelerate")
        ),
        # 2 epochs of 8 / 4 batches: a quarter of 5e-05 less in each step.
        *(
            f"{name}: learning rates: ['5e-05', '3.75e-05', '2.5e-05', '1.25e-05']"
            for name in ("plain", "accelerate")
        ),
        "the same weights: True",
    ],
    "weighted_loss": [
        "the model was given labels: False",
        # 2 rows of 7 tokens, of which 6 each predict the next one.
        "logits: (2, 7, 8) → (12, 8) labels: (2, 7) → (12,)",
        "shifted by the caller · counted 12 · ignored 0 · none",
        # 1 + 2 key tokens, and 1; ln 8 × (3 + 1) / 2 = 4.15888.
        "weights of the samples: [3, 1] loss: 4.1589",
        "ln 8 times their mean: True",
        "backward was given it: True",
    ],
}
"""What each lesson must say, line by line."""

TABLES = {
    # At its embeddings, or in the model that calls them: that depends on the version.
    "padding_and_mask": ["failed at: distilbert"],
    # A batch of the trainer has 4 rows; of 6 rows that are evaluated 3 have 7 ids and 3 have 8: 3 / 48.
    "trainer_steps": ["0–2 train [4,", "0–1 eval [6,8] [6,8] [6,2] 0.693 - - 6 %"],
    # 4 and 6 ids in turn: 4 of 24 are padding.
    "full_loop": ["0–3 train [4,6] [4,6] [4,2] 0.69"],
    "weighted_loss": ["0 CrossEntropyLoss GPT2LMHeadModel [2,7,8] [2,7] by the caller 12 of 12 0 nothing"],
}
"""How lines of the printed tables begin; each run of blanks is one."""
