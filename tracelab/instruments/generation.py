"""Generation: `generate` of every class that defines one, the decoding loops and what they call.

The steps of `generate` are not marked here: they are derived from these calls on the read side.  What a
loop knows of its mode is in its `generation_config`, and is kept as facts when the loop is entered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..describe import instance_dict
from ..recorder import Facts
from .families import Family

LOOPS = {
    "_sample": "greedy",
    "_beam_search": "beam",
    "_assisted_decoding": "assisted",
    "_group_beam_search": "group beam",
    "_constrained_beam_search": "constrained beam",
    "_contrastive_search": "contrastive",
    "_dola_decoding": "dola",
}
"""Decoding loops of transformers 4.57 to 5, and the mode that each means when nothing is sampled."""


def facts_of_loop(function: str) -> Facts:
    """What tells `mode`, `beams` and `return_sequences` of the decoding loop `function` at its entry."""

    def facts(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any] | None:
        config = instance_dict(kwargs.get("generation_config"))
        sampled = config.get("do_sample") is True
        mode = LOOPS[function]
        found: dict[str, Any] = {
            "mode": ("sample" if mode == "greedy" else f"{mode} sample") if sampled else mode
        }
        for fact, name in (("beams", "num_beams"), ("return_sequences", "num_return_sequences")):
            if type(config.get(name)) is int:
                found[fact] = config[name]
        return found

    return facts


FAMILIES = (
    Family(
        base="torch:nn.Module",  # a plain torch model may have a generate of its own
        names=("generate",),
        by_object=True,
    ),
    Family(
        base="transformers.modeling_utils:PreTrainedModel",
        names=(
            "get_image_features",
            "get_video_features",
            "get_audio_features",
            "get_text_features",
        ),
        by_object=True,
    ),
    Family(
        base="transformers.generation.utils:GenerationMixin",
        names=(
            "generate",
            "generate_with_fallback",
            "detect_language",
            "prepare_inputs_for_generation",
            "_prefill",
            "_prefill_chunking",
            "_prepare_*",
            "_maybe_*",
            "_expand_inputs_for_generation",
            "_update_model_kwargs_for_generation",
            "_get_candidate_generator",
            "_get_logits_processor",
            "_get_stopping_criteria",
            "_retrieve_init_tokens",
            *LOOPS,
        ),
        by_object=True,
        facts={function: facts_of_loop(function) for function in LOOPS},
    ),
    Family(
        base="transformers.generation.logits_process:LogitsProcessorList",
        names=("__call__",),
    ),
    Family(
        base="transformers.generation.logits_process:LogitsProcessor",
        names=("__call__",),
    ),
    Family(
        base="transformers.generation.stopping_criteria:StoppingCriteriaList",
        names=("__call__",),
    ),
    Family(
        base="transformers.generation.stopping_criteria:StoppingCriteria",
        names=("__call__",),
    ),
    Family(
        base="transformers.generation.streamers:BaseStreamer",
        names=("put", "end"),
    ),
    Family(
        base="transformers.generation.candidate_generator:CandidateGenerator",
        names=("get_candidates",),
    ),
)
