"""Generation on real models: each decoding mode, its choices, and programs that generate in odd ways."""
