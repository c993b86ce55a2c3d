"""How q, k and v get their shapes: the lines of Whisper's attention that ran, in prefill and in decode.

Read the first listing from top to bottom; nothing else has to be open.  Hidden states come in as [batch,
tokens, 64 features].  `q_proj` keeps that, `view(hidden_shape)` cuts the 64 features into 4 heads of 16, and
`transpose(1, 2)` puts the heads before the tokens: q is [1, 4 heads, tokens, 16].  k and v go the same way,
and `past_key_values.update` puts before them what earlier steps have left: in prefill 4 tokens stay 4, in
decode one token becomes 5, 6, 7 ...  So one query meets all keys, and nothing old is computed again.

The second listing is the same code as cross-attention.  Its keys and values come from the 50 positions of the
encoded sound: computed in prefill (`-> k_proj`), and in decode read from the cache, by the branch above.

`values=True` keeps small numbers, so that `input_shape` and `hidden_shape` are told too.
"""

import tracelab
from tracelab.demo import build

run, about = build("whisper")
with tracelab.trace(source="WhisperAttention.forward", values=True) as trace:
    run()

print(about)
for attention in ("self_attn", "encoder_attn"):
    (listing,) = trace.source(path=f"model.decoder.layers.0.{attention}")
    print()
    print(listing.text(width=120))

    # The same as data: what each name held last, in the first step and in all steps after it.
    print()
    for column in listing.columns:
        held = {name: spec for line in column.lines for name, spec in line.bound.items()}
        shapes = [f"{name[0]} {held[name]}" for name in ("query_states", "key_states", "value_states")]
        print(f"{attention}, {column.label}:", *shapes)
        made = [call.path.rpartition(".")[2] for line in column.lines for call in line.calls]
        print(f"{attention}, {column.label}: layers that ran:", *made)
