"""What each lesson on generation in examples/ must print, by its config and the documentation.

`CLAIMS` are whole lines, `TABLES` are beginnings of lines of the table of steps: times differ.
"""

from __future__ import annotations

CLAIMS = {
    "whisper_generate": [
        "encoder runs: 1 at model.encoder",
        "before the first step: True",
        # 4 prompt tokens, then one token in each of the other 5 of 6 steps.
        "tokens that went in, step by step: [4, 1, 1, 1, 1, 1]",
        # Nothing, then the prompt, then one more each time.
        "tokens in the cache before each step: [0, 4, 5, 6, 7, 8]",
        # 4 decoder layers, once each.
        "cross-attention keys computed: 4 in steps [0]",
        # 4 decoder layers in each of 6 steps.
        "cross-attention queries computed: 24 in steps [0, 1, 2, 3, 4, 5]",
    ],
    "llama_prefill_and_decode": [
        "with a cache, tokens read in each step: [5, 1, 1, 1]",
        # Without a cache the 5 prompt tokens and all that came since are read again.
        "without, tokens read in each step: [5, 6, 7, 8]",
        "phases: ['prefill', 'decode', 'decode', 'decode']",
        # 2 texts of 2 beams each.
        "batch 2 with 2 beams, rows in each step: [4, 4, 4, 4]",
    ],
    "t5_encoder_once": [
        "encoder runs: 1",
        # One for each of 6 new tokens.
        "decoder runs: 6",
        "outermost call above the encoder: T5ForConditionalGeneration.generate",
        "model forwards above the encoder: 0",
        "which is what the encoder gave: True",
    ],
    "attention_shapes": [
        # 64 features in 4 heads of 16; 4 prompt tokens, then one at a time, which the cache of 4…8 joins.
        "self_attn, prefill: q f32[1,4,4,16] k f32[1,4,4,16] v f32[1,4,4,16]",
        "self_attn, prefill: layers that ran: q_proj k_proj v_proj out_proj",
        "self_attn, decode 1–5: q f32[1,4,1,16] k f32[1,4,5…9,16] v f32[1,4,5…9,16]",
        "self_attn, decode 1–5: layers that ran: q_proj k_proj v_proj out_proj",
        # The sound has 50 positions, whose keys and values are computed once.
        "encoder_attn, prefill: q f32[1,4,4,16] k f32[1,4,50,16] v f32[1,4,50,16]",
        "encoder_attn, prefill: layers that ran: q_proj k_proj v_proj out_proj",
        "encoder_attn, decode 1–5: q f32[1,4,1,16] k f32[1,4,50,16] v f32[1,4,50,16]",
        "encoder_attn, decode 1–5: layers that ran: q_proj out_proj",
    ],
    "find_and_query": [
        # 4 layers in each of 8 steps; one layer in each of 8 steps; 4 layers in one step.
        "attention calls: 32",
        "of the last layer: 8",
        "in step 0: 4",
        "path: model.layers.0.self_attn",
        "called by: LlamaDecoderLayer.forward",
        "calls: ['q_proj', 'k_proj', 'v_proj', 'o_proj']",
        # One row, one token in a decode step, 64 features.
        "hidden_states: f32[1,1,64]",
        "stands in: modeling_llama.py line > 0: True",
        "the file holds the same tree: True",
    ],
    "generate_greedy_batch": [
        "the same tokens without the trace: True",
        # 5 columns with padding, one more in each of 6 steps.
        "mask of each step: [(2, 5), (2, 6), (2, 7), (2, 8), (2, 9), (2, 10)]",
        # Row 0 ends with its third token; the other has 6.
        "rows finished after each step: [0, 0, 1, 1, 1, 2]",
        "stopped by: ('eos', 'max length')",
        "row 0 chose its end token in step 2",
        # 6 tokens less 3.
        "from then on row 0 gets: [0, 0, 0]",
        "nothing to mask, no mask: True",
    ],
    "generate_sampling": [
        "the same tokens without the trace: True",
        "a temperature of 0.5 doubles a score: True",
        "an end is possible in steps 0 or 1: False",
        "each id was one of 5, or padding: True",
        "rows are finished where they wrote an end: True",
    ],
    "generate_beams": [
        "the same tokens without the trace: True True",
        # 2 prompts of 3 beams, 5 new tokens.
        "rows in each step: [6, 6, 6, 6, 6] of 2 prompts",
        "the cache was reordered after steps: [0, 1, 2, 3, 4]",
        # 6 rows, 4 heads, 4 prompt tokens and 4 of 5 new ones (the last goes in nowhere), 32 / 4 features.
        "keys of a layer at the end: (6, 4, 8, 8)",
        # 2 prompts with 2 each; when sampling 2 prompts with 3 each.
        "sequences returned: 4",
        "rows when sampling: [6, 6]",
    ],
    "generate_assisted": [
        "itself: the tokens of greedy search without the trace: True",
        # 8 new tokens: 3 + 1, 3 + 1.
        "accepted of drafted: 3 of 3, 3 of 3",
        "places checked in each step: [4, 4]",
        "a stranger: the tokens of greedy search without the trace: True",
        "a stranger: new tokens are accepted ones and one in each step: True",
        "the text: the tokens of greedy search without the trace: True",
        "the text: new tokens are accepted ones and one in each step: True",
    ],
    "generate_encoder_decoder": [
        "the same tokens without the trace: True",
        # 7 tokens of text, 32 features.
        "encoded before the first step: encoder (1, 7) to (1, 7, 32)",
        "positions of the text that each step attends to: [7, 7, 7, 7, 7, 7]",
        "phase: prefill → decode",
        "positions: 0 → 1",
        # 2 blocks, in which layer 1 is the cross-attention.
        "only in the first: decoder.block.(0-1).layer.1.EncDecAttention.k",
        "only in the first: decoder.block.(0-1).layer.1.EncDecAttention.v",
        "cache at entry: 1 → 2",
    ],
    "whisper_long_form": [
        "the same tokens without the trace: True",
        # 30 s are 3000 columns, halved.
        "short form, loops: 1 cross-attention to 1500",
        # 70 s are windows of 30, 30 and 10 s; each at 3 temperatures.
        "window and attempt of each loop: "
        "[(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]",
        "temperatures: ['greedy', 0.5, 1.5, 'greedy', 0.5, 1.5, 'greedy', 0.5, 1.5]",
        "runs of the encoder: 9",
    ],
    "generate_caches": [
        *(
            f"{name}: the same tokens without the trace: True"
            for name in ("dynamic", "static", "sliding", "none")
        ),
        "dynamic: tokens read in each step: [4, 1, 1, 1, 1, 1]",
        # The prompt has 4 tokens, and 5 of 6 new ones go in.  2 key heads, 32 / 4 features.
        "dynamic: keys of a layer: (1, 2, 4, 8), at the end (1, 2, 9, 8)",
        # 2 layers × keys and values × 2 heads × 9 places × 8 features × 4 bytes.
        "dynamic: bytes at the end: 2304",
        "static: keys of a layer: (1, 2, 9, 8), at the end (1, 2, 9, 8)",
        # A window of 6 is the token that looks and the 5 before it.
        "sliding: keys of a layer: (1, 2, 4, 8), at the end (1, 2, 5, 8)",
        # 2304 × 5 / 9.
        "sliding: bytes at the end: 1280",
        "none: tokens read in each step: [4, 5, 6, 7, 8, 9]",
        "none: bytes at the end: 0",
    ],
    "generate_prompts": [
        *(
            f"{name}: the same tokens without the trace: True"
            for name in ("ids", "embeddings", "chunks of 3", "image")
        ),
        # 7 tokens, then 3 of 4 new ones.
        "ids: input of each step: (1, 7) (1, 1) (1, 1) (1, 1)",
        "embeddings: input of each step: (1, 7) (1, 1) (1, 1) (1, 1)",
        # 7 = 3 + 3 + 1.
        "chunks of 3: input of each step: (1, 3) (1, 3) (1, 1) (1, 1) (1, 1) (1, 1)",
        "chunks of 3: phases: prefill, prefill, prefill, decode, decode, decode",
        # The image, then its 4 patches of 24 features to make them as wide as the text.
        "image: input of each step: (1, 3, 28, 28) (1, 4, 24) (1, 7) (1, 1) (1, 1) (1, 1)",
        "image: phases: encode, encode, prefill, decode, decode, decode",
    ],
    "generate_streamer": [
        "the same text without the trace: True",
        "words in each text: [5, 5]",
        # Prompts of 3 and of 5 tokens.
        "tokens read in each step: [3, 1, 1, 1, 1] [5, 1, 1, 1, 1]",
        "threads that generated: 2",
        # Each thread: the prompt, 5 tokens, the end.
        "calls of put and of end: 12 2",
        "put was called where the steps ran: True",
    ],
    "generate_own_loop": [
        "custom: the same tokens without the trace: True",
        "custom: input of each step: (1, 4) (1, 1) (1, 1) (1, 1) (1, 1)",
        "custom: stopped by max length",
        "continuous: the same tokens without the trace: True",
        # Prompts of 4 and 3 tokens in one row, then one token of each.
        "continuous: input of each step: (1, 7) (1, 2) (1, 2) (1, 2) (1, 2)",
        "continuous: requests in each step: 2 2 2 2 2",
    ],
    "generate_state": [
        "the same tokens without the trace: True",
        "tokens read in each step: [5, 1, 1, 1, 1, 1]",
        "a cache that counts tokens: False",
        # 32 features, expanded twofold; the last 4 inputs of the convolution; a state of 8.
        "state of a layer: (1, 64, 4) (1, 64, 8) at the end the same: True",
        "phase: prefill → decode",
        "input: [1,5] → [1,1]",
    ],
    "pipelines": [
        "the same texts without the trace: True",
        "stages: __call__, preprocess, forward, postprocess",
        # 5 letters; a prompt of 2 tokens.
        "GPT2LMHeadModel: greedy, tokens read in each step: [5, 1, 1, 1]",
        "WhisperForConditionalGeneration: beam, tokens read in each step: [2, 1, 1, 1]",
    ],
}
"""What each lesson must say, line by line."""

TABLES = {
    # 2 prompts padded to 5 columns; 2 layers of [2, 4 heads, 10, 32 / 4].
    "generate_greedy_batch": [
        "0 prefill [2,5] 0 0 5 6 … 0–4 [2,5] 0 → 5 [2,1,100]",
        "cache at the end: DynamicCache, 10,240 bytes · 2 × DynamicLayer with keys and values [2,4,10,8]",
    ],
    # 1 prompt in 4 rows; what is drawn is random, so are the later rows.
    "generate_sampling": ["0 prefill [4,3] 1 2 3 1 … 0–2 0 → 3 [4,1,100]"],
    # The prompt goes in once for each beam, and each step adds one place.
    "generate_beams": [
        "0 prefill [6,4] 0–3 0 → 4 [6,1,100] 6 = 2×3 beams",
        "1–4 decode [6,1] 4…7 4…7 → 5…8 [6,1,100] 6 = 2×3 beams",
        "beam · stopped by max length",
        "0 prefill [6,4] 0–3 0 → 4 [6,1,100] 6 = 2×3 return sequences 0 of 6",
        "1 decode [6,1] 4 4 → 5 [6,1,100] 6 = 2×3 return sequences 6 of 6",
    ],
    # The loop of the main model is the first.  4 prompt tokens and 3 drafted ones, then 1 of its own and 3.
    "generate_assisted": [
        "2 0 draft [1,4] 0–3 0 → 4 [1,1,100]",
        "1 0 prefill [1,7] 0–6 0 → 7 [1,4,100]",
        "1 1 verify [1,4] 7–10 7 → 11 [1,4,100]",
        "loop 1: assisted · 6 of 6 drafted tokens accepted · stopped by max length",
    ],
    # One start token, then 5 more; the text has 7.
    "generate_encoder_decoder": [
        "- encode [1,7] - - - -",
        "0 prefill [1,1] 0 0 → 1 7 [1,1,100]",
        "1–5 decode [1,1] 1…5 1…5 → 2…6 7 [1,1,100]",
    ],
    # 4 prompt tokens; with time stamps 3.  30 words, 7 special tokens and 1501 times.
    "whisper_long_form": [
        "0 prefill [1,4] 0–3 - 0 → 4 1500 [1,4,1538]",
        "1 1 0 prefill [1,3] 0–2 - 0 → 3 1500 [1,3,1538]",
        "- 1 again - encode [1,80,3000] - [1,7000]",
        "loop 2: sample at temperature 0.5",
        "6 more loops, see trace.generations()",
    ],
    "generate_caches": [
        "1–5 decode [1,1] 4…8 4…8 → 5…9 [1,1,100]",
        "1–5 decode [1,1] 4…8 [1,1,1,9] 4…8 → 5…9 [1,1,100]",
        "1–5 decode [1,5…9] 0…8 [1,1,100]",
    ],
    # 7 tokens; in chunks 3, 3 and 1.
    "generate_prompts": [
        "0 prefill [1,7] 0–6 0 → 7 [1,1,100]",
        "0 prefill 1/3 [1,3] 0–2 0 → 3 [1,1,100]",
        "2 prefill 3/3 [1,1] 6 6 → 7 [1,1,100]",
        "- encode [1,3,28,28]",
    ],
    # Which of the two threads began first is not known.
    "generate_streamer": ["loop 1: greedy · stopped by max length", "loop 2: greedy · stopped by max length"],
    # Two new tokens at a time; what the pages hold grows from 7 + 2 to 7 + 4 × 2.
    "generate_own_loop": [
        "1–4 decode [1,1] 4…7 4…7 → 5…8 [1,1,100]",
        "custom loop · stopped by max length",
        "0 prefill [1,7] [1,1,7,7] [1,2,100] 2 in a row",
        "1–4 decode [1,2] [1,1,2,9…15] [1,2,100] 2 in a row",
    ],
    # 2 layers × (64 × 4 + 64 × 8) × 4 bytes.
    "generate_state": [
        "1–5 decode [1,1] 5…9 [1,1,100]",
        "cache at the end: DynamicCache, 6,144 bytes · 2 × LinearAttentionLayer with [1,64,4] and [1,64,8]",
    ],
    # One sound in 5 beams; 256 bytes and 3 special tokens.
    "pipelines": [
        "2 WhisperForConditionalGeneration 1 0 prefill [5,2] 0–1 - 0 → 2 50 [5,2,259] 5 = 1×5 beams"
    ],
}
"""How lines of the printed tables begin, up to the time at most; each run of blanks is one."""

GOLDEN = {"attention_shapes": "5.23.0"}
"""Lessons whose whole text is in tests/golden: it shows the source of that version of transformers."""
