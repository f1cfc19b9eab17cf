"""What is wrong with what was typed, or with a file: told to the person, exit code 2."""

from __future__ import annotations


class RunUnusable(ValueError):
    """The run can't begin: wrong input, or a folder that can't be used."""


class NotebookUnusable(ValueError):
    """One notebook can't be run; the others can."""
