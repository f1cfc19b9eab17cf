"""Pools whose container runs one program a request."""
