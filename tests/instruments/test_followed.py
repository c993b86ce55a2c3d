"""What `trace(*roots)` can follow, and what it says about what it cannot."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.errors import SetupError

from ..models.words import WORDS

X = torch.ones(1, 2)


class Part(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = Part()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.part(x)

    def score(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)

    @staticmethod
    def fixed(model: nn.Module) -> Any:
        return model(X)

    @classmethod
    def build(cls) -> Model:
        model = cls()
        model(X)
        return model


class Heir(Model):
    pass


def run(model: nn.Module, times: int = 1) -> None:
    """A function of this module that tests follow."""
    for _ in range(times):
        model(X)


def names(trace: tracelab.Trace) -> list[str]:
    return [call.name for call in trace.calls]


def everything() -> None:
    """Uses all that could be followed, once each, and a module that nobody follows."""
    model = Model()
    nn.Identity()(X)
    sys.modules[__name__].run(model)
    model.score(X)
    Model.fixed(model)
    Part()(X)


BELOW = ["Model.forward", "Part.forward"]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (Model, BELOW * 3),
        (Part, ["Part.forward"] * 4),
        (run, ["run", *BELOW]),
        (f"{__name__}:run", ["run", *BELOW]),
        (f"{__name__}.run", ["run", *BELOW]),
        (Model.score, ["Model.score", *BELOW]),
        (f"{__name__}:Model.score", ["Model.score", *BELOW]),
        (f"{__name__}:Heir.score", ["Model.score", *BELOW]),
        (f"{__name__}:Model", BELOW * 3),
        (Model().score, ["Model.score", *BELOW]),
        (f"{__name__}:Model.fixed", ["Model.fixed", *BELOW]),
    ],
    ids=lambda value: getattr(value, "__qualname__", None) or str(value)[:40],
)
def test_what_can_be_followed(root: Any, expected: list[str]) -> None:
    before = (run, *(vars(Model)[name] for name in ("score", "fixed", "build", "forward")))
    with tracelab.trace(root) as trace:
        everything()
    assert names(trace) == expected
    assert trace.dropped == 0
    assert (run, *(vars(Model)[name] for name in ("score", "fixed", "build", "forward"))) == before


def test_inputs_and_place_of_a_followed_function() -> None:
    with tracelab.trace(run, values=True) as trace:
        sys.modules[__name__].run(Model(), times=2)
    call = trace.calls[0]
    assert (call.kind, call.owner, call.defined_in) == ("function", "", __name__)
    assert (str(call.inputs["model"]), str(call.inputs["times"])) == ("Model", "2")
    assert call.line == run.__code__.co_firstlineno
    assert call.call_site is not None
    assert call.call_site.file == __file__


def test_following_a_class_method() -> None:
    with tracelab.trace(f"{__name__}:Model.build") as trace:
        Model.build()
        Heir.build()
    assert names(trace) == ["Model.build", *BELOW, "Heir.build", "Heir.forward", "Part.forward"]


@pytest.mark.parametrize("root", ["object", "name"])
def test_following_a_forward_does_not_patch_it(root: str) -> None:
    """`forward` is observed, never patched: torch and transformers decide by its identity."""
    original = vars(Model)["forward"]
    given = Model.forward if root == "object" else f"{__name__}:Model.forward"
    with tracelab.trace(given) as trace:
        assert vars(Model)["forward"] is original
        everything()
    assert names(trace) == BELOW * 3
    assert {call.kind for call in trace.calls} == {"module"}


def test_a_function_followed_by_two_traces_at_once() -> None:
    with tracelab.trace(run) as outer, tracelab.trace(run) as inner:
        sys.modules[__name__].run(Model())
    assert names(outer) == names(inner) == ["run", *BELOW]


def test_a_method_of_a_family_followed_within_a_trace_of_everything() -> None:
    class Generating(Model):
        def generate(self, x: torch.Tensor) -> torch.Tensor:
            return self(x)

    expected = ["Generating.generate", "Generating.forward", "Part.forward"]
    vars(sys.modules[__name__])["Generating"] = Generating
    Generating.__qualname__ = "Generating"
    try:
        with tracelab.trace() as outer, tracelab.trace(f"{__name__}:Generating.generate") as inner:
            Generating().generate(X)
            Part()(X)
    finally:
        del vars(sys.modules[__name__])["Generating"]
    assert names(outer) == [*expected, "Part.forward"]
    assert names(inner) == expected


def test_a_traced_function_fails_without_a_line_of_ours() -> None:
    import traceback

    with tracelab.trace(run) as trace, pytest.raises(TypeError) as caught:
        sys.modules[__name__].run(3)
    found = [entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert found == [__file__, __file__]
    assert trace.calls[0].error == "TypeError"


def test_a_tokenizer_is_followed() -> None:
    followed, other = WORDS["wordpiece"](), WORDS["python"]()
    with tracelab.trace(followed) as trace:
        other("cat")
        followed("the cat")
        Model()(X)
    assert {call.owner for call in trace.calls} == {"BertTokenizer"}
    assert trace.roots[0].name == "BertTokenizer.__call__"


@pytest.mark.parametrize("order", ["followed first", "other first"])
def test_another_tokenizer_of_the_same_class_is_not_followed(order: str) -> None:
    followed, other = WORDS["wordpiece"](), WORDS["wordpiece"]()
    with tracelab.trace(followed) as trace:
        for one in (followed, other) if order == "followed first" else (other, followed):
            one("the cat" if one is followed else "a dog a dog")
    # [CLS] the cat [SEP]
    assert [call.output["input_ids"].length for call in trace.find("BertTokenizer.__call__")] == [4]


def test_a_processor_is_followed_with_its_parts() -> None:
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    processor = WhisperProcessor(WhisperFeatureExtractor(), WORDS["whisper"]())
    with tracelab.trace(processor) as trace:
        processor(text="a")
        processor.tokenizer("b")
        WORDS["whisper"]()("c")
    assert [call.name for call in trace.roots] == ["WhisperProcessor.__call__", "WhisperTokenizer.__call__"]


def test_several_roots() -> None:
    model, words = Model(), WORDS["wordpiece"]()
    with tracelab.trace(model, words) as trace:
        words("cat")
        model(X)
        Model()(X)
    assert [call.name for call in trace.roots] == ["BertTokenizer.__call__", "Model.forward"]


# --- what cannot be followed ------------------------------------------------------------------------


def local() -> Any:
    def inside() -> None: ...

    return inside


@pytest.mark.parametrize(
    ("root", "words"),
    [
        (None, r"object of type 'NoneType'; possible are a module"),
        (42, r"object of type 'int'"),
        ([nn.Identity()], r"object of type 'list'"),
        (torch.ones(1), r"object of type 'Tensor'"),
        (len, r"object of type 'builtin_function_or_method'"),
        (functools.partial(run), r"object of type 'partial'"),
        (local(), r"local function '.*inside'"),
        (lambda: 0, r"cannot follow|found no '<lambda>'"),
        ("", r"cannot follow ''"),
        ("no_such_module_anywhere:f", r"no loaded module of that name"),
        ("torhc.nn:Linear", r"the nearest loaded module is 'torch'"),
        (f"{__name__}:rum", r"found no 'rum' in .*; the nearest name there is 'run'"),
        (f"{__name__}:Model.scroe", r"found no 'scroe' in 'Model'; the nearest name there is 'score'"),
        ("torch:relu", r"'torch:relu', a built-in function"),
        (f"{__name__}:X", r"a Tensor; possible are"),
        (f"{__name__}:", r"found no ''"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_root_is_refused_in_one_line_and_nothing_is_patched(root: Any, words: str) -> None:
    before = nn.Module.__call__
    with pytest.raises(SetupError, match=words) as caught:
        tracelab.trace(root)
    assert "\n" not in str(caught.value)
    assert nn.Module.__call__ is before


def test_a_function_that_was_replaced_is_refused() -> None:
    original = run
    module: ModuleType = sys.modules[__name__]
    module.run = lambda model: None
    try:
        with pytest.raises(SetupError, match="another object stands under that name"):
            tracelab.trace(original)
    finally:
        module.run = original


def test_a_good_root_beside_a_bad_one_patches_nothing() -> None:
    before = vars(Model)["score"]
    with pytest.raises(SetupError):
        tracelab.trace(Model.score, 42)
    assert vars(Model)["score"] is before


def test_a_name_that_only_a_metaclass_answers_is_refused() -> None:
    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            if name == "dynamic":
                return run
            raise AttributeError(name)

    class Odd(metaclass=Meta):
        pass

    vars(sys.modules[__name__])["Odd"] = Odd
    try:
        with pytest.raises(SetupError):
            tracelab.trace(f"{__name__}:Odd.dynamic")
    finally:
        del vars(sys.modules[__name__])["Odd"]
