"""What is wrong with a pool, found from outside: ``checks/`` gather evidence, ``report/`` tells.

What the evidence means is in ``causes/``, which the kernel's own errors ask, too.
"""
