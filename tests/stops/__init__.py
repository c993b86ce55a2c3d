"""Breakpoints: where, when, and what the debugger is given."""
