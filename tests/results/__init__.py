"""Tables of results on real data, each written by a script of its own: ``python -m tests.results.uci_tabular``."""
