"""For eyes: what analyses found, drawn on a terminal or as a picture.  The only room that imports rich.

    tree      the folded call tree
    steps     the table of generation steps
    source    the lines of a function that ran; `sourcefolds` which are shown, `sourcenotes` what is said of
              each, `sheet` where that stands
    why       the lines that led to one call, its MRO, its arguments
    picture   the tree as an SVG for a page

and what these share: `theme` (colours), `glyphs` (signs, and their ASCII stand-ins), `clean` (no name acts
on a terminal), `labels` (the words on one line of the tree), `layout` (words to one line of a page),
`headline` (what stands above and below the tree), `screen` (how wide, in which encoding), `guest` (rich).
"""
