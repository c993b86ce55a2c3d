"""Facts of a training trace that say something else than instruments say: refused, or every verb goes on.

The trace has a row of everything: a load with a new head, a table that was mapped, batches that were collated
and one that could not be, a loss with a label that is no class, three steps and an evaluation.
"""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

import tracelab
from tracelab import cli
from tracelab.errors import TraceFileError, TracelabError
from tracelab.exporters.facts import FORMS

from ..attacks.mutations import STRANGE
from ..models import ZOO
from ..models.words import WORDS
from . import samples

FILES = 40
OTHERS = ("computes", "call", "model", "logits", "line", "rows", "accumulated", "late", "special_at", "mask")
"""Names of facts that no form is asked of, some of which nobody writes."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The document of a run with data, losses and training, recorded with all options."""
    folder = tmp_path_factory.mktemp("spoilt")
    with tracelab.trace(values=True, stats=True) as trace:
        train(folder)
    assert len(trace.steps()) == 4 and len(trace.losses()) == 5 and trace.heads() and trace.token_batches()
    trace.save(folder / "run.json", fold=False)
    document: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return document


def train(folder: Path) -> None:
    from datasets import Dataset, disable_progress_bars
    from transformers import BertForSequenceClassification, BertModel, DataCollatorWithPadding
    from transformers.utils import logging

    disable_progress_bars()
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it says that the head is new
    logging.disable_progress_bar()
    try:
        BertModel(ZOO["bert"].build().config).save_pretrained(folder / "base")
        model = BertForSequenceClassification.from_pretrained(folder / "base", num_labels=2)
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()
    tokenizer = WORDS["wordpiece"]()
    texts = ["the cat sat", "a dog", "the unseen cat", "dog"]
    table = Dataset.from_dict({"text": texts, "labels": [0, 1, 1, 0]})
    table = table.map(lambda rows: tokenizer(rows["text"], ["a"] * len(rows["text"])), batched=True)
    collator = DataCollatorWithPadding(tokenizer)
    rows = table.remove_columns(["text"])
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(3):
        for batch in torch.utils.data.DataLoader(rows, batch_size=4, collate_fn=collator):
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        model(**batch)
    with pytest.raises(ValueError, match="Unable to create tensor"):
        collator([dict(tokenizer("a"), labels=[1]), dict(tokenizer("dog"), labels=[1, 2])])
    with pytest.raises(IndexError):
        torch.nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 7]))


def spoilt(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Some facts say something else, are told by another call, or go by another name."""
    found = copy.deepcopy(document)
    facts = found["facts"]
    if not chance.randrange(8):
        found["meta"]["bases"] = {root: {"": chance.choice(STRANGE)} for root in found["meta"]["bases"]}
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        row = chance.choice(list(facts))
        names = list(facts[row])
        if not names:
            continue
        name, deed = chance.choice(names), chance.randrange(6)
        if deed == 0:
            del facts[row][name]
        elif deed == 1:
            other = chance.choice(list(facts))
            row = str(chance.randrange(len(found["calls"]["site"])))
            facts.setdefault(row, {}).update(facts[other])
        elif deed == 2:
            facts[row][chance.choice([*FORMS, *OTHERS])] = facts[row][name]
        elif deed == 3 and isinstance(facts[row][name], dict) and "$tuple" in facts[row][name]:
            inside = facts[row][name]["$tuple"]
            inside.insert(chance.randrange(len(inside) + 1), copy.deepcopy(chance.choice(STRANGE)))
        else:
            facts[row][name] = copy.deepcopy(chance.choice(STRANGE))
    return found


def ask(trace: tracelab.Trace) -> None:
    """Every verb; what it answers matters less than that it does."""
    samples.look(trace)
    assert str(trace)
    str(trace.heads()), [str(head) for head in trace.heads()]
    trace.steps(), trace.losses(), trace.generations()
    assert all(str(call.why()) for call in trace.find(status="error"))
    with redirect_stdout(io.StringIO()):
        trace.print_steps()
        trace.print_losses()
        trace.print(fold=False)
    with suppress(TracelabError):
        trace.token_batches()


def commands(path: Path) -> Iterator[int]:
    for command in (["show"], ["steps"], ["steps", "--json"], ["loss"], ["loss", "--json"], ["batch"]):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield cli.main([*command, str(path)])


def storm(document: dict[str, Any], folder: Path, files: int, seed: int) -> tuple[int, int]:
    read, path = 0, folder / "spoilt.json"
    for number in range(files):
        path.write_text(json.dumps(spoilt(document, random.Random(seed + number))))
        try:
            trace = tracelab.load(path)
        except TraceFileError as error:
            assert len(str(error).splitlines()) == 1
            continue
        read += 1
        try:
            ask(trace)
        except Exception as error:
            raise AssertionError(f"seed {seed + number}") from error
        if number % 10 == 0:
            assert set(commands(path)) <= {0, 2}
    return read, files - read


def test_the_good_trace_is_read(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(good))
    ask(tracelab.load(tmp_path / "run.json"))
    assert list(commands(tmp_path / "run.json")) == [0] * 6


def test_spoilt_facts(good: dict[str, Any], tmp_path: Path) -> None:
    read, refused = storm(good, tmp_path, FILES, 0)
    # both ends must be met often, or the attack is none
    assert read > FILES / 5 and refused > FILES / 5, (read, refused)


@pytest.mark.slow
def test_very_many_spoilt_facts(good: dict[str, Any], tmp_path: Path) -> None:
    read, refused = storm(good, tmp_path, 1500, 10_000)
    assert read > 300 and refused > 300
