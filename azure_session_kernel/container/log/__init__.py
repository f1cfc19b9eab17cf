"""Everything that an interpreter has sent, numbered, until it is read."""
