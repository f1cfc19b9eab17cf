"""A course graded twice: with a local ipykernel, and in sessions. Not a part of the test suite."""
