"""What tracing costs, as ratios inside one process; `python -m tests.benchmarks` prints the tables."""
