"""``azure-session-kernel run``: many notebooks, each in a session of its own (docs/run.md).

``inputs`` finds the notebooks; ``plan`` says which are to run, by what ``journal`` has of an
earlier run; ``queue`` starts them as the pool has ``places``; ``worker`` and ``execution`` run one.
What became of each is a ``record``; ``results``, ``junit`` and ``report`` show all of them, and
``merge`` joins shards.
"""
