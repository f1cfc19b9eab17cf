"""What is wrong with a pool, found from outside: evidence, a table of causes, checks, reports.

``evidence``, ``dialects``, ``signs``, ``causes`` and ``table`` are pure: no I/O, standard library
only. The kernel's own errors use them, too (``pool/failures.py``).
"""
