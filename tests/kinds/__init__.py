"""The same cells on a local ipykernel and on every kind of session pool."""
