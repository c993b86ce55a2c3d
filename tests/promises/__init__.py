"""The promises of the README, each under attack: one file for each, one test for each claim.

The first line of a file is the promise as the README states it.  What is counted on the way (faults
injected, files fuzzed, calls soaked) goes through the fixture `figures` into the table of the README,
which `python -m tests.promises` makes from one run of all of them, the slow ones too.
"""
