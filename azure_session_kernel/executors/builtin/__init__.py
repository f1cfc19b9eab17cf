"""A Jupyter session over a pool that only runs code and keeps files: docs/mailbox.md.

What runs in the session is in ``interpreter``; all here is on this side.
"""
