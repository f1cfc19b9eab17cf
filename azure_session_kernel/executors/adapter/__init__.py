"""Pools whose container runs our adapter."""
