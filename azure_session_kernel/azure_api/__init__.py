"""Shapes of Azure's own routes, as a session's container and the local pool both answer them."""
