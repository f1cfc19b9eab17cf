"""The client side of the ways to run code in a pool."""
