"""The files of a session, on its own side."""
