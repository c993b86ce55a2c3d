"""Tests of files: written, read back, refused."""
