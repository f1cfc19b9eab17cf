"""Magics of the kernel itself, which work on the session instead of in it.

A cell is ours when its *first line* begins with one of the names in ``cell.py``; what follows it
then runs in the session as ordinary code. Everything else, IPython's magics and ``%%`` cells
included, goes to the session untouched. ``cell.py`` runs one; each has a module of its own.
"""
