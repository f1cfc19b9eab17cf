"""A laboratory of broken pools: each scenario is a local pool that fails in one known way.

``scenarios`` is the table; ``azure-session-kernel pool --fault-scenario NAME`` runs one row. What
such a pool answers is taken from the causes that are known (docs/azure.md 4), and each row says how
sure that is. ``azure-session-kernel doctor`` is tested on all of them (docs/doctor.md).
"""
