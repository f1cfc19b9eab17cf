"""This kernel and ipykernel, side by side: the same cases, the same results."""
