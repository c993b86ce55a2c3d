"""The token line: of batches that a program holds, and of those in a trace that kept values."""

from __future__ import annotations

import io
import json
from collections import UserDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch

import tracelab
from tracelab.calls import Token, Trace
from tracelab.cli import main

from .models import ZOO
from .models.words import WORDS

LONG = "the cat sat on the mat ."


def words() -> Any:
    return WORDS["wordpiece"]()


def lines(batch: Any, tokenizer: Any, **options: Any) -> list[str]:
    return tracelab.batch_text(batch, tokenizer, **options).splitlines()


def test_a_padded_batch_with_labels() -> None:
    tokenizer = words()
    batch = tokenizer(["the cat sat", "a"], padding=True, return_tensors="pt")
    labels = torch.where(batch["attention_mask"] == 1, batch["input_ids"], -100)
    assert lines({**batch, "labels": labels}, tokenizer) == [
        "row 0 · 5 ids · 2 special",
        "token     [CLS]    the  cat  sat  [SEP]",
        "id        2        5    6    7    3",
        "kind      special                 special",
        "position  0        1    2    3    4",
        "mask      1        1    1    1    1",
        "label     2        5    6    7    3",
        "row 1 · 5 ids · 2 special · 2 padding right · 2 labels ignored",
        "token     [CLS]    a   [SEP]    [PAD]  [PAD]",
        "id        2        14  3        0      0",
        "kind      special      special  pad    pad",
        "position  0        1   2        3      4",
        "mask      1        1   1        0      0",
        "label     2        14  3        -100   -100",
    ]


def test_padding_that_is_alike_shares_a_column() -> None:
    tokenizer = words()
    text = lines(tokenizer(["a"], padding="max_length", max_length=9), tokenizer)
    # [CLS] a [SEP], and 6 of padding: places 3 to 8
    assert text[0] == "row 0 · 9 ids · 2 special · 6 padding right"
    assert text[1].endswith("[SEP]    [PAD] ×6")
    assert text[4].endswith("2        3–8")


def test_a_pair_says_which_text_each_token_is_of() -> None:
    tokenizer = words()
    batch = tokenizer(["the cat", "a"], ["a dog", "dog"], padding=True, return_token_type_ids=True)
    assert lines(batch, tokenizer)[3:5] == [
        "kind      special            special           special",
        "type      0        0    0    0        1   1    1",
    ]
    # the padding of the second row, [CLS] a [SEP] dog [SEP], is of type 0
    assert lines(batch, tokenizer)[-3] == "type      0        0   0        1    1        0      0"
    with tracelab.trace(values=True) as trace:
        ZOO["bert"].build()(**tokenizer(["a"], ["dog"], return_tensors="pt", return_token_type_ids=True))
    assert [token.type for token in trace.token_batches()[0].rows[0].tokens] == [0, 0, 0, 1, 1]
    single = lines(tokenizer(["the cat"], return_token_type_ids=True), tokenizer)
    assert not any(line.startswith("type") for line in single)


def test_padding_on_the_left_and_places_that_the_batch_gives() -> None:
    tokenizer = WORDS["byte_bpe"]()
    batch = tokenizer(["the", "thea"], padding=True, padding_side="left", return_tensors="np")
    batch["position_ids"] = numpy.array([[1, 0], [0, 1]])
    text = lines(batch, tokenizer)
    assert text[0] == "row 0 · 2 ids · 1 padding left"
    assert text[4] == "position  1              0"


@pytest.mark.parametrize("side", ["left", "right"])
def test_where_a_text_was_cut(side: str) -> None:
    tokenizer = words()
    tokenizer.truncation_side = side
    text = lines(tokenizer([LONG], truncation=True, max_length=4), tokenizer)
    assert text[0].endswith(f"cut at the {side} end")
    assert text[1].split()[{"left": 1, "right": -1}[side]] == "…"


def test_one_text_that_is_no_batch_yet() -> None:
    tokenizer = words()
    assert lines(tokenizer("the"), tokenizer) == lines(tokenizer(["the"]), tokenizer)
    assert lines({"input_ids": [2, 5, 3], "labels": [2, 5, -100]}, tokenizer)[-1].split()[1:] == [
        "2",
        "5",
        "-100",
    ]


def test_labels_of_whole_rows() -> None:
    tokenizer = words()
    batch = tokenizer(["the", "a"], return_tensors="pt")
    assert [line for line in lines(batch, tokenizer, labels=torch.tensor([1, 0])) if "row" in line] == [
        "row 0 · 3 ids · 2 special · label 1",
        "row 1 · 3 ids · 2 special · label 0",
    ]
    assert "label 0.5" in lines(batch, tokenizer, labels=[0.5, 1.5])[0]


def test_labels_of_another_length_are_a_row_of_their_own() -> None:
    tokenizer = words()
    text = lines(
        {"input_ids": [[2, 5, 3]], "attention_mask": [[1, 1, 1]], "labels": [[6, 7, 3, -100]]}, tokenizer
    )
    assert text[6] == "labels of row 0 · 4 ids · 1 special · 1 label ignored"
    assert text[7].split() == ["token", "cat", "sat", "[SEP]"]
    assert text[8].split() == ["id", "6", "7", "3", "-100"]


def test_a_narrow_page_wraps() -> None:
    tokenizer = words()
    text = lines(tokenizer([LONG]), tokenizer, width=40)
    assert max(map(len, text)) <= 40
    tokens = [token for line in text if line.startswith("token") for token in line.split()[1:]]
    assert tokens == ["[CLS]", *LONG.split(), "[SEP]"]


def test_many_rows() -> None:
    tokenizer = words()
    text = lines(tokenizer(["the"] * 20), tokenizer)
    assert text[-1] == "4 more rows"
    assert sum(line.startswith("row") for line in text) == 16


def test_a_processor_and_no_tokenizer() -> None:
    tokenizer = words()
    batch = tokenizer(["the"])
    assert lines(batch, SimpleNamespace(tokenizer=tokenizer)) == lines(batch, tokenizer)
    assert lines(UserDict(input_ids=[[5]]), None)[1:3] == ["row 0 · 1 id", "id        5"]


def test_a_terminal_gets_colours() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    page = Terminal()
    tracelab.show_batch(words()(["the"]), words(), file=page)
    assert "\x1b[36m" in page.getvalue()  # special tokens


def test_names_of_tokens_are_inert() -> None:
    class Odd:
        all_special_ids: tuple[int, ...] = ()
        pad_token_id = unk_token_id = None

        def __len__(self) -> int:
            return 9

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return ["\x1b[31mred[/bold]"] * len(ids)

    text = tracelab.batch_text({"input_ids": [[5]]}, Odd())
    assert "\x1b" not in text
    assert "\\x1b[31mred[/bold]" in text


# --- what is no batch -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "words_of_it"),
    [
        (3, "of type int; a batch is a mapping with input_ids"),
        ([{"input_ids": [1]}] * 3, "a list of 3 examples and no batch"),
        ({"pixel_values": [1]}, "has no input_ids; it has pixel_values"),
        ({"input_ids": []}, "this batch has no row"),
        ({"input_ids": [[1, 2], [3]]}, "input_ids is ragged: row 0 has 2, row 1 has 1"),
        ({"input_ids": [[1, "x"]]}, "id 1 of row 0 is 'x', of type str"),
        ({"input_ids": "the cat"}, "input_ids is of type str"),
        ({"input_ids": [[1, 2]], "attention_mask": [[1]]}, "attention_mask of row 0 has 1 numbers"),
        ({"input_ids": [[1]], "attention_mask": [[1], [1]]}, "attention_mask has 2 rows and input_ids has 1"),
        ({"input_ids": [[1], [2]], "labels": [1]}, "labels has 1 rows and input_ids has 2"),
        ({"input_ids": [[1]], "labels": ["positive"]}, "the label of row 0 is 'positive', of type str"),
        ({"input_ids": [[1, 2]], "labels": [[1, "B-PER"]]}, "label 1 of row 0 is 'B-PER', of type str"),
        (
            {"input_ids": [[1, 2]] * 2, "labels": [[1, 2], [1]]},
            "labels is ragged: row 0 has 2, row 1 has 1",
        ),
        ({"input_ids": [[1, 2]] * 2, "labels": [[1, 2], 1]}, "labels holds rows and single numbers"),
    ],
)
def test_the_place_is_named(batch: Any, words_of_it: str) -> None:
    with pytest.raises(tracelab.BatchError) as error:
        tracelab.batch_text(batch, words())
    assert words_of_it in str(error.value)
    assert "\n" not in str(error.value)


def test_no_tokenizer_at_all() -> None:
    with pytest.raises(tracelab.BatchError, match="int has no names for ids"):
        tracelab.batch_text({"input_ids": [[1]]}, 3)


def test_a_batch_without_a_mask_says_what_that_means() -> None:
    text = lines({"input_ids": [[2, 5, 3], [2, 3, 0]]}, words())
    assert text[0] == "no attention_mask: the model attends to the padding of row 1 too"
    assert lines({"input_ids": [[2, 5]]}, words())[0] == "no attention_mask: the model attends to every id"


# --- in a trace -------------------------------------------------------------------------------------------


def classified(values: bool = True) -> Trace:
    tokenizer, model = words(), ZOO["bert"].build()
    with tracelab.trace(values=values) as trace:
        batch = tokenizer(["the unseen cat", "a"], padding=True, return_tensors="pt")
        model(**batch, labels=torch.tensor([0, 1]))
    return trace


def test_tokenizer_and_model_are_joined() -> None:
    (batch,) = classified().token_batches()
    assert batch.seen == "BertForSequenceClassification.forward"
    first, second = batch.rows
    assert [token.token for token in first.tokens] == ["[CLS]", "the", "un", "##seen", "cat", "[SEP]"]
    assert first.tokens[3] == Token(id=11, token="##seen", text="seen", mask=1, type=0)
    assert second.tokens[2:4] == (
        Token(id=3, token="[SEP]", kind="special", mask=1, type=0),
        Token(id=0, token="[PAD]", kind="pad", mask=0, type=0),
    )
    assert (first.label, second.label) == (0, 1)


def test_from_a_file_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = classified()
    trace.save(tmp_path / "run.json")
    assert tracelab.load(tmp_path / "run.json").token_batches() == trace.token_batches()
    assert main(["batch", str(tmp_path / "run.json")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "batch 1 of 1 · BertForSequenceClassification.forward"
    assert out[1] == "row 0 · 6 ids · 2 special · label 0"
    assert out[2].split() == ["text", "the", "un", "seen", "cat"]
    assert main(["batch", "--ascii", "--width", "30", str(tmp_path / "run.json")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert max(map(len, out[1:])) <= 30 and "".join(out).isascii()


@pytest.mark.parametrize(
    ("values", "given", "said"),
    [
        (False, [], "this trace kept none: record with trace(values=True), or tracelab run --values"),
        (True, ["-n", "2"], "there is no batch 2: this trace has 1"),
    ],
)
def test_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], values: bool, given: list[str], said: str
) -> None:
    classified(values).save(tmp_path / "run.json")
    assert main(["batch", *given, str(tmp_path / "run.json")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_causal_labels_and_left_padding() -> None:
    tokenizer, model = WORDS["byte_bpe"](), ZOO["gpt2"].build()
    batch = {"input_ids": torch.tensor([[0, 0, 34], [34, 35, 36]])}
    batch["attention_mask"] = torch.tensor([[0, 0, 1], [1, 1, 1]])
    labels = torch.where(batch["attention_mask"] == 1, batch["input_ids"], -100)
    with tracelab.trace(values=True) as trace:
        tokenizer(tokenizer.decode([34, 35, 36]))
        model(**batch, labels=labels)
    (seen,) = trace.token_batches()
    assert [[token.label for token in row.tokens] for row in seen.rows] == [[-100, -100, 34], [34, 35, 36]]
    assert [token.kind for token in seen.rows[0].tokens] == ["pad", "pad", ""]
    # The second row is a row of the tokenizer's, so its letters are known; of the first only the names are.
    assert seen.rows[1].tokens[0].text == seen.rows[1].tokens[0].token == tokenizer.convert_ids_to_tokens(34)
    assert (seen.rows[0].tokens[2].text, seen.rows[0].tokens[2].token) == (
        None,
        tokenizer.convert_ids_to_tokens(34),
    )


def test_only_the_prompt_of_a_generate_is_a_batch() -> None:
    model = ZOO["llama"].build()
    with tracelab.trace(values=True) as trace:
        model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=4, do_sample=False, eos_token_id=None)
    (batch,) = trace.token_batches()
    assert [token.id for token in batch.rows[0].tokens] == [5, 6, 7]


def test_a_collator_without_a_model() -> None:
    from transformers import DataCollatorWithPadding

    tokenizer = words()
    with tracelab.trace(values=True) as trace:
        examples = [tokenizer(text) for text in ("the unseen", "a")]
        DataCollatorWithPadding(tokenizer)(examples)
    batch = trace.token_batches()[-1]
    assert [token.text for token in batch.rows[0].tokens] == [None, "the", "un", "seen", None]
    assert [token.kind for token in batch.rows[1].tokens] == ["special", "", "special", "pad", "pad"]


def test_a_tokenizer_alone(tmp_path: Path) -> None:
    tokenizer = words()
    with tracelab.trace(values=True) as trace:
        tokenizer([LONG, "a"], truncation=True, max_length=4)
    (batch,) = trace.token_batches()
    assert [row.cut for row in batch.rows] == ["right", None]
    assert batch.seen == "BertTokenizer.__call__"


def test_more_ids_than_a_trace_keeps() -> None:
    model = ZOO["llama"].build()
    with tracelab.trace(values=True) as trace:
        model(torch.ones(1, 300, dtype=torch.long))
    with pytest.raises(tracelab.BatchError, match=r"more than the 256 ids that a trace keeps"):
        trace.token_batches()


def test_nothing_of_the_kind() -> None:
    with tracelab.trace(values=True) as trace:
        torch.nn.Linear(2, 2)(torch.zeros(1, 2))
    with pytest.raises(tracelab.BatchError, match="no batch is in this trace"):
        trace.token_batches()


def test_a_file_that_was_tampered_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classified().save(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text())
    for facts in document["facts"].values():
        for name in ("tokens", "spans", "special_mask", "cut"):
            if name in facts:
                facts[name] = {"$tuple": [{"$tuple": [3, None]}]}
        if "token_ids" in facts:
            facts["token_ids"] = "abc"
    (tmp_path / "odd.json").write_text(json.dumps(document))
    assert main(["batch", str(tmp_path / "odd.json")]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err
