"""Loading and saving: which values a keyword overrode, which weights came from the file and which did not.

    from_pretrained (a model)   dtype, attention, weights
    _from_config                the same; all weights are random
    from_dict (a config)        overridden: the keywords that became values of the config
    _adjust_missing_and_unexpected_keys
                                missing, unexpected, mismatched, newly_initialised, tied: the last look that
                                transformers takes at its own report, after tied and ignored keys went out

Names of weights and of config values are kept; the values themselves (`stored`, `given`) only with values.
The report is read from a call on the model itself, so the read side knows which model it is about, and says
`newly_initialised` of the later calls of such a module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..describe import home, instance_dict
from ..recorder import Tells
from .families import Family

Given = tuple[Any, ...]
Told = Mapping[str, Any] | None

MAX_NAMES = 1024
"""So many names of weights are kept of each list; beyond that the counts tell."""

_NOT_OF_THE_CONFIG = frozenset({"return_unused_kwargs", "name_or_path"})


def _loaded(cls: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    model = output[0] if type(output) is tuple and output else output  # with its report
    return {**_chosen(model), "weights": "loaded"}


def _made(cls: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    return {**_chosen(output), "weights": "random"}


def _chosen(model: Any) -> dict[str, Any]:
    config = instance_dict(instance_dict(model).get("config"))
    found: dict[str, Any] = {}
    dtype, attention = config.get("dtype"), config.get("_attn_implementation_internal")
    if dtype is not None and home(type(dtype)) == ("torch", "dtype"):
        found["dtype"] = str(dtype).removeprefix("torch.")
    if type(attention) is str:
        found["attention"] = attention
    return found


def _keywords(kwargs: dict[str, Any]) -> list[str]:
    return [name for name in kwargs if name[:1] != "_" and name not in _NOT_OF_THE_CONFIG]


def _stored(cls: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    stored = args[0] if args else kwargs.get("config_dict")
    if not values or type(stored) is not dict:
        return None
    return {"stored": _plain({name: stored[name] for name in _keywords(kwargs) if name in stored})}


def _overridden(cls: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    config = output
    if type(output) is tuple and len(output) == 2 and type(output[1]) is dict:
        config, unused = output
        names = [name for name in _keywords(kwargs) if name not in unused]
    else:
        names = [name for name in _keywords(kwargs) if name in instance_dict(config) or name == "num_labels"]
    if not names:
        return None
    found: dict[str, Any] = {"overridden": tuple(names)}
    return {**found, "given": _plain({name: kwargs[name] for name in names})} if values else found


def _plain(named: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple([(name, value) for name, value in named.items() if type(value) in (int, float, str, bool)])


def _reported(model: Any, args: Given, kwargs: dict[str, Any], output: Any, recorder: Any) -> Told:
    made = getattr(recorder.locator, "made", None)
    if made is not None:
        made.forget(model)
    given = args[0] if args else kwargs.get("loading_info")
    report = instance_dict(given)
    if not report and type(output) is tuple and len(output) == 2:  # transformers 4.57
        report = {"missing_keys": output[0], "unexpected_keys": output[1]}
    missing, unexpected = _names(report.get("missing_keys")), _names(report.get("unexpected_keys"))
    mismatched = [one for one in _items(report.get("mismatched_keys")) if type(one) is tuple and one]
    tied = instance_dict(model).get("all_tied_weights_keys")
    pairs = tied.items() if type(tied) is dict else ()
    lists: dict[str, Any] = {
        "missing": missing,
        "unexpected": unexpected,
        "mismatched": sorted((one[0], *map(_shape, one[1:])) for one in mismatched),
        "newly_initialised": sorted({*missing, *[one[0] for one in mismatched]}),
        "tied": sorted((one, other) for one, other in pairs if type(one) is type(other) is str),
    }
    found: dict[str, Any] = {name: tuple(names[:MAX_NAMES]) for name, names in lists.items() if names}
    more = {name: len(names) for name, names in lists.items() if len(names) > MAX_NAMES}
    return {**found, "counts": tuple(more.items())} if more else found


def _items(given: Any) -> Iterable[Any]:
    return given if type(given) in (set, list, tuple) else ()


def _names(given: Any) -> list[str]:
    return sorted(name for name in _items(given) if type(name) is str)


def _shape(sizes: Any) -> tuple[int, ...]:
    return tuple([int(size) for size in sizes])


_AUTO = "transformers.models.auto"
_LOAD_AND_SAVE = ("from_pretrained", "save_pretrained")

FAMILIES = (
    Family(
        base="transformers.modeling_utils:PreTrainedModel",
        names=(*_LOAD_AND_SAVE, "_from_config", "_adjust_missing_and_unexpected_keys"),
        by_object=True,
        tells={
            "from_pretrained": Tells(after=_loaded),
            "_from_config": Tells(after=_made),
            "_adjust_missing_and_unexpected_keys": Tells(after=_reported, of_recorder=True),
        },
    ),
    # Where it is imported to: that module copies the functions of the class while it is being loaded.
    Family(base=f"{_AUTO}.modeling_auto:_BaseAutoModelClass", names=("from_pretrained", "from_config")),
    Family(
        base="transformers.configuration_utils:PretrainedConfig",
        names=(*_LOAD_AND_SAVE, "from_dict"),
        tells={"from_dict": Tells(before=_stored, after=_overridden)},
    ),
    Family(base="transformers.tokenization_utils_base:PreTrainedTokenizerBase", names=_LOAD_AND_SAVE),
    Family(base="transformers.processing_utils:ProcessorMixin", names=_LOAD_AND_SAVE),
    Family(base="transformers.feature_extraction_utils:FeatureExtractionMixin", names=_LOAD_AND_SAVE),
    Family(base="transformers.image_processing_base:ImageProcessingMixin", names=_LOAD_AND_SAVE),
    *(
        Family(base=f"{_AUTO}.{module}:{name}", names=("from_pretrained",))
        for module, name in (
            ("configuration_auto", "AutoConfig"),
            ("tokenization_auto", "AutoTokenizer"),
            ("processing_auto", "AutoProcessor"),
            ("feature_extraction_auto", "AutoFeatureExtractor"),
            ("image_processing_auto", "AutoImageProcessor"),
        )
    ),
)
