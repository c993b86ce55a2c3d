"""Annotated source: what the read side makes of the lines that ran.

tracer     a small line tracer that makes `Pass`es of real functions, apart from the one of the product
programs   the functions that it is tried on
"""
