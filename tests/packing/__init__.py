"""Tests of packed lanes."""
