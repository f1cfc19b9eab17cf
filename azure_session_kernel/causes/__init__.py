"""What an answer of the pool means: evidence in, causes out. Pure data and functions."""
