"""The write side of lines: which calls are watched, what is seen of them, and what it does to the host."""
