"""Tests of what is asked of a trace."""
