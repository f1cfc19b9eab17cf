"""A Jupyter session over a pool that only runs code and keeps files: docs/mailbox.md.

``inside/`` runs in the session, all else on this side.
"""
