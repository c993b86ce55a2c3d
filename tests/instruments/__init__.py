"""Tests of what is traced, one file for each area."""
