"""Tests of the hot path: wrapper, recorder, active recorders."""
