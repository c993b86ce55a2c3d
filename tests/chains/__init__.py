"""The functions between calls: `trace(chain=True)`, `Call.chain()`, `--chain`.

program    a user's modules, with functions of every sort between them
lines      the line of a source text, which no test writes as a number
"""
