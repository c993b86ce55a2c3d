"""Losses and heads: numbers derived by hand on real models, and what the host must not notice."""
