"""What is asked of a trace: each analysis turns a `Trace` into rows and never prints.

    loops     which pass of which decoding loop each call belongs to
    steps     the prefill and decode steps of `generate`, one row a step
    training  which calls make up a step of training; `trainsteps` has the rows, `phasetimes` their times
    everystep both kinds of steps, as a trace gives them
    outline   the folded call tree, as lines that a renderer can draw
    budget    which of these lines fit on one screen
    losses    what each loss was computed from, counted, ignored and divided by
    heads     the layers of a model outside its base, and what follows their logits
    reasons   why a call ran what it ran: lines, MRO, arguments
    batches   what is in the rows of a batch: inputs, beams, returned sequences
    listing   the source of functions whose lines were recorded

and what these are made of: `keys` (which subtrees are equal) and `likeness` (which calls are), `repeats`
(what repeats in a sequence), `folding` and `gathering` (which calls share a line), `lines` (such a line) and
`rows` (the calls that it stands for), `marks` (facts about subtrees), `upwards` (how these are found),
`statements` (what a line of source says),
`selection` and `visible` (what a filter keeps), `shifts` (who moved the labels of a loss), `derived` (the
facts that these make), `shapes` (one shape text for many calls), `modelcalls` (what a step shows of its model
call).

A listing is made by `texts` and `units` (the source, cut into statements), `moments` (the steps of its
calls), `executions` (line events as statements), `merging` (one spec for many), `sidebyside` (which calls
went alike) and `marking` (the finished lines).

Everything works on the columns of the trace, needs no torch, and walks with loops instead of recursion:
a trace may be 100,000 calls deep.  Nothing looks at every call: of equal subtrees the first one is looked
at (`Columns.twin`), of a loop the calls that it made itself.
"""
