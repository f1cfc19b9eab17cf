"""Azure's own routes for code and files, answered inside a session's container."""
