"""A local pool that fails on purpose."""
