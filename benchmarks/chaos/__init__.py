"""Thousands of cells under a seeded random schedule of faults, and what became of each.

``python -m benchmarks.chaos --cells 10000 --seed 1`` drives a real kernel process with
``jupyter_client`` against a real local pool that misbehaves (``azure_session_kernel.emulator.
faults``). Each cell leaves its number in a file outside its session, so that executions can be
counted; its outputs are numbered, so that lost, repeated and reordered ones are seen; and each
counts on from the cell before, so that a loss of variables that nobody announced is seen.

``cells`` what is run and expected · ``schedule`` which fault comes when · ``world`` the processes ·
``driver`` one cell after another · ``verdict`` counting what must not be.
"""
