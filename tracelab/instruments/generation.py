"""Generation: `generate` of every class that defines one, the decoding loops and what they call.

The steps of `generate` are not marked here: they are derived from these calls on the read side.  What the
shapes do not say (mode, finished rows, chosen tokens) is kept as facts, see `decoding`.
"""

from __future__ import annotations

from .decoding import CACHED, CHOSEN, CONTINUOUS, FINISHED, LOOPS, SCORES, SCORES_BEFORE, of_loop
from .families import Family

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
            "_reorder_cache",
            "_get_candidate_generator",
            "_get_logits_processor",
            "_get_stopping_criteria",
            "_retrieve_init_tokens",
            *LOOPS,
        ),
        by_object=True,
        tells={"_prefill": CACHED, **{function: of_loop(function) for function in LOOPS}},
    ),
    Family(
        base="transformers.generation.logits_process:LogitsProcessorList",
        names=("__call__",),
        tells={"__call__": SCORES_BEFORE},
    ),
    Family(
        base="transformers.generation.logits_process:LogitsProcessor",
        names=("__call__",),
        tells={"__call__": SCORES},
    ),
    Family(
        base="transformers.generation.stopping_criteria:StoppingCriteriaList",
        names=("__call__",),
        tells={"__call__": CHOSEN},
    ),
    Family(
        base="transformers.generation.stopping_criteria:StoppingCriteria",
        names=("__call__",),
        tells={"__call__": FINISHED},
    ),
    Family(
        base="transformers.generation.continuous_batching.continuous_api:ContinuousMixin",
        names=("generate_batch",),
        by_object=True,
    ),
    Family(
        base="transformers.generation.continuous_batching.continuous_api:ContinuousBatchingManager",
        names=("_run_generation_loop",),
        tells={"_run_generation_loop": CONTINUOUS},
    ),
    Family(
        base="transformers.cache_utils:Cache",
        names=("reorder_cache", "crop", "reset"),
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
