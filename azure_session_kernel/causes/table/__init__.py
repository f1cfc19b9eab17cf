"""The rows of the table of causes, by where the fault is. ``causes.CAUSES`` is all of them."""
