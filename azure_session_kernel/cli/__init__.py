"""The subcommands of ``azure-session-kernel``, one module each.

A module has ``register(parser)``, which adds its arguments, and ``run(args)``, which returns the
exit code. Errors of the tree in ``common/errors.py`` are printed by ``main.py``.
"""
