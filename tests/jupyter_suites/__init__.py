"""Jupyter's own suites, with this kernel standing in as ``python3``."""
