"""What every test of the house gets without asking: proof that nothing is left patched, and no silent faults.

A tracer cuts into classes that all later tests use too, and it swallows its own faults on purpose.  So
both are checked around every single test, not in tests of their own:

* `nothing_left_patched` compares, by identity, the functions that stand on every loaded class of the
  families below before and after.  A class that was first imported inside the test has no "before": on
  those no function may come from our own files.
* `no_silent_faults` fails a test in which tracelab counted a fault of its own (it logs each as an error),
  unless the test says `@pytest.mark.internal_errors`.

Nothing here imports torch or transformers: a test of the read side pays for neither.
"""

from __future__ import annotations

import os

# Before anything can import torch: five small matrices are not worth a thread pool, and no test downloads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import logging
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import pytest

FAMILIES = (
    "torch.nn.modules.module:Module",
    "torch.optim.optimizer:Optimizer",
    "torch:Tensor",
    "torch.autograd.function:Function",
    "transformers.generation.utils:GenerationMixin",
    "transformers.generation.logits_process:LogitsProcessor",
    "transformers.generation.logits_process:LogitsProcessorList",
    "transformers.generation.stopping_criteria:StoppingCriteria",
    "transformers.generation.stopping_criteria:StoppingCriteriaList",
    "transformers.generation.streamers:BaseStreamer",
    "transformers.generation.candidate_generator:CandidateGenerator",
    "transformers.tokenization_utils_base:PreTrainedTokenizerBase",
    "transformers.processing_utils:ProcessorMixin",
    "transformers.feature_extraction_utils:FeatureExtractionMixin",
    "transformers.image_processing_base:ImageProcessingMixin",
    "transformers.pipelines.base:Pipeline",
    "transformers.trainer:Trainer",
    "transformers.trainer_utils:RemoveColumnsCollator",
    "transformers.data.data_collator:DataCollatorMixin",
    "transformers.data.data_collator:DataCollatorWithPadding",
    "transformers.data.data_collator:DataCollatorForSeq2Seq",
    "transformers.configuration_utils:PreTrainedConfig",
    "transformers.models.auto.auto_factory:_BaseAutoModelClass",
    "transformers.models.auto.configuration_auto:AutoConfig",
    "transformers.models.auto.tokenization_auto:AutoTokenizer",
    "transformers.models.auto.processing_auto:AutoProcessor",
    "transformers.models.auto.feature_extraction_auto:AutoFeatureExtractor",
    "transformers.models.auto.image_processing_auto:AutoImageProcessor",
    "torch.utils.data.dataloader:DataLoader",
    "torch.utils.data.dataloader:_MultiProcessingDataLoaderIter",
    "torch.utils.data._utils.fetch:_BaseDatasetFetcher",
    "datasets.arrow_dataset:Dataset",
    "datasets.dataset_dict:DatasetDict",
    "datasets.arrow_writer:ArrowWriter",
    "torch.optim.lr_scheduler:LRScheduler",
    "torch.amp.grad_scaler:GradScaler",
    "accelerate.accelerator:Accelerator",
    "accelerate.scheduler:AcceleratedScheduler",
)
"""Where instruments cut in: these classes and all their loaded subclasses are watched."""

PLACES_OF_FUNCTIONS = (
    "torch.nn.functional",
    "transformers.loss.loss_utils",
    "transformers.pipelines.text_classification",
    "transformers.integrations.sdpa_attention",
    "transformers.integrations.moe",
    "transformers.masking_utils",
    "transformers.models.llama.modeling_llama",
)
"""Where functions stand that instruments cut in at by their code."""

Places = dict[tuple[type, str], Any]


@pytest.fixture(autouse=True)
def nothing_left_patched() -> Iterator[None]:
    """After the test, every watched class has the very functions that it had before."""
    classes_before, codes = {cls: dict(vars(cls)) for cls in classes_of_families()}, codes_of_functions()
    interpreter = interpreter_hooks()
    yield
    # Thousands of classes, of which a test changes a few: what is identical is compared at the speed of C.
    touched = [cls for cls in classes_of_families() if vars(cls) != classes_before.get(cls)]
    before = functions({cls: classes_before[cls] for cls in touched if cls in classes_before})
    after = functions({cls: vars(cls) for cls in touched})
    changed = [name for name, known in codes_of_functions().items() if codes.get(name, known) != known]
    assert not changed, f"left with another code by this test: {', '.join(changed)}"
    replaced = [
        place
        for place, value in before.items()
        if after.get(place) is not value and not is_hooked_by_torch(after.get(place), value)
    ]
    # A library may add a function of its own at first use.  We may leave neither ours nor, by restoring in
    # the wrong place, a copy of an inherited one.
    new = {place: value for place, value in after.items() if place not in before}
    mine = {place: value for place, value in new.items() if place[0] in classes_before}
    known = {id(value) for value in functions(classes_before).values()} if mine else set()
    added = [place for place, value in mine.items() if id(value) in known]
    ours = [place for place, value in after.items() if before.get(place) is not value and is_ours(value)]
    left = sorted({f"{cls.__module__}.{cls.__qualname__}.{name}" for cls, name in replaced + added + ours})
    assert not left, f"left patched by this test: {', '.join(left)}"
    assert interpreter_hooks() == interpreter, "this test left an import, trace or exception hook behind"


@pytest.fixture(autouse=True)
def no_silent_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that tracelab counted during the test fails it, unless the test provoked it on purpose."""
    faults = Faults()
    log = logging.getLogger("tracelab")
    log.addHandler(faults)
    yield
    log.removeHandler(faults)
    if request.node.get_closest_marker("internal_errors") is None:
        assert not faults.messages, f"tracelab had faults of its own: {faults.messages}"


class Faults(logging.Handler):
    """Hears of each recorder's faults: the first of every place is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was said."""
        self.messages.append(record.getMessage())


def functions(classes: Mapping[type, Mapping[str, Any]]) -> Places:
    """(class, name) -> function, of classes and what stands in them."""
    return {
        (cls, name): value
        for cls, attributes in classes.items()
        for name, value in attributes.items()
        if is_function(value)
    }


def classes_of_families() -> set[type]:
    """The bases that are loaded, and all their subclasses."""
    waiting: list[type] = []
    for point in FAMILIES:
        module, _, name = point.partition(":")
        base = vars(sys.modules[module]).get(name) if module in sys.modules else None
        if isinstance(base, type):
            waiting.append(base)
    found: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found.add(cls)
            waiting.extend(type.__subclasses__(cls))
    return found


def codes_of_functions() -> dict[str, tuple[object, list[str]]]:
    """Function -> its code and what stands in its dictionary."""
    modules = [(name, sys.modules[name]) for name in PLACES_OF_FUNCTIONS if name in sys.modules]
    return {
        f"{place}.{name}": (value.__code__, list(vars(value)))
        for place, module in modules
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
    }


def is_function(value: object) -> bool:
    """Anything that a patch could replace: functions, descriptors around them, other callables."""
    return callable(value) or isinstance(value, (classmethod, staticmethod, property))


def is_hooked_by_torch(now: object, before: object) -> bool:
    """Whether torch has put its own wrapper around the step of an optimizer, of which one was made."""
    return getattr(now, "hooked", False) is True and getattr(now, "__wrapped__", None) is before


def is_ours(value: object) -> bool:
    """Whether the code behind an attribute is that of a module of ours; `functools.wraps` cannot hide it."""
    if isinstance(value, property):
        return is_ours(value.fget)
    inner = getattr(value, "__func__", value)
    space = getattr(inner, "__globals__", None)
    if space is not None:
        module = str(space.get("__name__"))
    else:
        module = (inner if isinstance(inner, type) else type(inner)).__module__
    return module.partition(".")[0] == "tracelab"


def interpreter_hooks() -> tuple[object, ...]:
    """What the interpreter calls out to; of import hooks only our own, libraries may bring theirs."""
    finders = [finder for finder in sys.meta_path if is_ours(finder)]
    return (sys.excepthook, sys.gettrace(), sys.getprofile(), *finders)
