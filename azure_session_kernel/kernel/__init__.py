"""The process on the user's machine: a front end's requests, and what the session sends."""
