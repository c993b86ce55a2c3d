"""Tests of what is drawn for eyes."""
