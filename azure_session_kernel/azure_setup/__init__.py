"""``azure-session-kernel setup``: a session pool made in Azure, step by step, and taken away again.

``plan`` holds what was asked for; ``steps`` says what that needs, in order; each step looks before
it does anything, so there is no state but Azure's own. All requests go through ``arm``.
"""
