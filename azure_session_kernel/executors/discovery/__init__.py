"""Which kind of pool this is."""
