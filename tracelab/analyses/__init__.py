"""What is asked of a trace: each analysis turns a `Trace` into rows and never prints.

    loops     which pass of which decoding loop each call belongs to
    steps     the prefill and decode steps of `generate`, one row a step
    outline   the folded call tree, as lines that a renderer can draw
    budget    which of these lines fit on one screen
    batches   what is in the rows of a batch: inputs, beams, returned sequences

and what these are made of: `keys` (which subtrees are equal), `repeats` (what repeats in a sequence),
`folding` and `gathering` (which calls share a line), `lines` (such a line), `marks` (facts about
subtrees), `selection` (what a filter keeps), `shapes` (one shape text for many calls).

Everything works on the columns of the trace, needs no torch, and walks with loops instead of recursion:
a trace may be 100,000 calls deep.
"""
