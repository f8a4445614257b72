"""Speed beside hand-written torch and beside Pyro, zuko, nflows and normflows: ``python -m tests.benchmarks``."""
