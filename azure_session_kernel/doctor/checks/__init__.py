"""The checks, in their order: each learns facts, and notes what it found."""
