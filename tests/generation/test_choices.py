"""What was chosen, among which scores, and why each sequence ended: foreseen by a processor that decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

import tracelab
from tracelab.cli import main

from .runs import EOS, Forcing, both, build, prompts

WANTED = ((11, EOS, 12, 13), (21, 22, 23, EOS), (31, 32, 33, 34))
"""Row 0 ends with its 2nd token, row 1 with its 4th, row 2 never."""


def forced(options: dict[str, Any] | None = None, new: int = 4, **arguments: Any) -> tracelab.Trace:
    arguments.setdefault("eos_token_id", EOS)
    arguments.setdefault("logits_processor", LogitsProcessorList([Forcing(5, WANTED)]))
    return both(build("llama"), prompts(3), options=options, max_new_tokens=new, do_sample=False, **arguments)


@pytest.mark.parametrize("options", [{}, {"values": True}], ids=str)
def test_why_each_sequence_ended(options: dict[str, Any]) -> None:
    trace = forced(options)
    (run,) = trace.generations()
    # Row 1 chose its end token as the last that the length allowed: both criteria said so.
    assert run.stopped_by == ("eos", "max length and eos", "max length")
    assert [step.finished for step in trace.steps()] == [0, 1, 1, 3]
    assert trace.find("*.generate")[0].facts["stopped_by"] == run.stopped_by
    assert [step.facts.get("stopped_by") for step in trace.steps()] == [
        None,
        "eos",
        None,
        "max length and eos",
    ]


def test_a_criterion_of_the_user_s_goes_by_its_name() -> None:
    class Enough(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: Any, **rest: Any) -> torch.Tensor:
            return torch.full((input_ids.shape[0],), input_ids.shape[1] >= 7, dtype=torch.bool)

    trace = forced(stopping_criteria=StoppingCriteriaList([Enough()]))
    # 5 tokens of the prompt and 2 new ones: rows 1 and 2; row 0 met its end token in the same step.
    by = trace.generations()[0].stopped_by
    assert (set(by[0].split(" and ")), by[1:]) == ({"eos", "Enough"}, ("Enough", "Enough"))
    assert len(trace.steps()) == 2


def test_no_time_left() -> None:
    trace = forced(max_time=0.0)
    assert set(trace.generations()[0].stopped_by) == {"time"}
    assert len(trace.steps()) == 1


def test_chosen_ids_are_there_with_values_only() -> None:
    steps = forced({"values": True}).steps()
    # What a finished row is given is padding.
    assert [step.chosen for step in steps] == [
        ((11,), (21,), (31,)),
        ((EOS,), (22,), (32,)),
        ((0,), (23,), (33,)),
        ((0,), (EOS,), (34,)),
    ]
    # The ids that go in are those that the step before chose.
    assert steps[1].tokens == (11, 21, 31)
    assert {(step.chosen, step.tokens) for step in forced().steps()} == {(None, None)}


def test_scores_before_and_after_each_processor() -> None:
    trace = forced({"values": True}, repetition_penalty=1.3)
    choices = trace.tokens(k=2)
    # 4 steps of 3 rows.
    assert len(choices) == 12
    first = choices[0]
    assert (first.step.index, first.row, first.chosen) == (0, 0, 11)
    assert [stage.processor for stage in first.stages] == ["RepetitionPenaltyLogitsProcessor", "Forcing"]
    assert first.after[0] == (11, 1.0)
    assert len(first.before) == 2
    assert first.before[0][1] >= first.before[1][1]
    # The model itself would have chosen another id: `Forcing` changed it, and its own 11 is not among them.
    assert first.before[0][0] != 11
    assert "Forcing" in first.changed_by
    text = str(choices).splitlines()[0]
    assert text.startswith("step 0 row 0 · ")
    assert "Forcing: 11=1" in text
    assert "chosen 11" in text
    assert trace.generations()[0].processors == ("RepetitionPenaltyLogitsProcessor", "Forcing")


def test_the_model_s_own_scores_are_those_that_torch_gives() -> None:
    model = build("llama")
    trace = both(
        model, prompts(), options={"values": True}, max_new_tokens=1, do_sample=False, eos_token_id=None
    )
    with torch.no_grad():
        logits = model(prompts()).logits[0, -1]
    (choice,) = trace.tokens(k=3)
    best = logits.topk(3)
    assert [token for token, _ in choice.before] == best.indices.tolist()
    assert [score for _, score in choice.before] == pytest.approx(best.values.tolist())
    assert choice.chosen == int(logits.argmax())
    assert choice.changed_by == ()


def test_all_drafted_tokens_have_scores_and_only_kept_ones_are_chosen() -> None:
    model = build("llama")
    trace = both(
        model,
        prompts(),
        options={"values": True},
        prompt_lookup_num_tokens=2,
        max_new_tokens=4,
        min_new_tokens=4,
        do_sample=False,
        repetition_penalty=1.1,
    )
    for step in trace.steps():
        mine = [choice for choice in trace.tokens() if choice.step == step]
        assert [choice.position for choice in mine] == list(range(step.facts["drafted"] + 1))
        kept = [choice.chosen for choice in mine if choice.chosen is not None]
        assert step.chosen is not None
        assert tuple(kept) == step.chosen[0]
        assert len(kept) == step.facts["accepted"] + 1


@pytest.mark.parametrize("k", [0, 11, 2.5, "3"])
def test_a_number_of_scores_that_is_not_possible(k: Any) -> None:
    with pytest.raises(ValueError, match=r"is not possible; it is a number of scores from 1 to 10"):
        forced({"values": True}, new=1).tokens(k)


def test_scores_need_values() -> None:
    with pytest.raises(ValueError, match=r"record with trace\(values=True\)"):
        forced(new=1).tokens()


def test_all_of_it_comes_back_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = forced({"values": True})
    for name in ("run.json", "run.json.gz"):
        trace.save(tmp_path / name)
        again = tracelab.load(tmp_path / name)
        assert str(again.tokens(3)) == str(trace.tokens(3))
        for field in ("stopped_by", "processors", "mode", "prefill", "decode", "inside", "tracer"):
            assert getattr(again.generations()[0], field) == getattr(trace.generations()[0], field)
        for one, other in zip(again.steps(), trace.steps(), strict=True):
            assert (one.chosen, one.tokens, one.finished, one.facts) == (
                other.chosen,
                other.tokens,
                other.finished,
                other.facts,
            )
            assert one.cache() == other.cache()
    assert main(["steps", "--tokens", "2", str(tmp_path / "run.json")]) == 0
    assert capsys.readouterr().out == f"{trace.tokens(2)}\n"


def test_a_step_against_the_next() -> None:
    trace = forced()
    lines = str(trace.step(0).compare(trace.step(1))).splitlines()
    assert lines == [
        "phase: prefill → decode",
        "input: [3,5] → [3,1]",
        "positions: 0–4 → 5",
        "cache at entry: 0 → 5",
        "cache at exit: 5 → 6",
        "finished: 0 → 1",
    ]
    assert trace.step(1).compare(trace.step(1)).same
    assert trace.step(1).compare(trace.step(1)).first is None


def test_cross_attention_is_computed_in_the_first_step_only() -> None:
    from ..models import ZOO

    architecture = ZOO["whisper"]
    arguments = architecture.generate_arguments()
    arguments.pop("pad_token_id", None)
    trace = both(architecture.build(), **arguments)
    found = trace.step(0).compare(trace.step(1))
    missing = sorted(one.path for one in found.differences if one.kind == "missing")
    # All 4 layers alike, so they share a line.
    assert missing == [f"model.decoder.layers.(0-3).encoder_attn.{name}" for name in ("k_proj", "v_proj")]
    assert not [one for one in found.differences if one.kind == "extra"]


def test_no_such_step() -> None:
    trace = forced(new=2)
    assert trace.step(-1) == trace.step(1)
    with pytest.raises(IndexError, match=r"there is no step 7: loop 0 has 2, counted from 0"):
        trace.step(7)
    with pytest.raises(IndexError, match=r"there is no loop 1: this trace has 1, counted from 0"):
        trace.step(0, loop=1)
