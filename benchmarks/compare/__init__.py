"""This kernel beside ipykernel, beside others that run it elsewhere, and beside what is possible.

    python -m benchmarks.compare [--rounds 4] [--scale 1] [--columns …] [--rows …]
        [--json FILE] [--plot FILE.svg] [--growth]
    python -m benchmarks.compare --from FILE [--plot FILE.svg]

Whole, it takes some 25 minutes on quiet cores; a look takes one:

    python -m benchmarks.compare --rounds 1 --scale 0.2 --columns ipykernel ours:0 ours:100 server:0

A column is a family, its round trip in ms, and its bandwidth in Mbit/s if that is limited:
``ours:100:10``. Each round starts a kernel for each column, one after another, and then measures
row by row, each time one column after another, in another order each time. A value is compared
with that of ipykernel of the same turn; the ratio printed is the median of these. Nothing here
passes or fails, but lost output and wrong results end it.

The families: ``ipykernel`` with its ZeroMQ here; ``ours`` through the local pool; ``server`` and
``gateway``, a kernel behind the WebSocket of Jupyter Server or Kernel Gateway (without their limits
of output, which would drop some); ``limit``, what no way of sending a cell by HTTP gets below: one
bare POST of a small cell's size through the pool's front to a server that only answers, and
ipykernel's own time of that turn.
"""
