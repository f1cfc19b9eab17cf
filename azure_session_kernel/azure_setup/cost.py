"""What the pool will be billed for, counted; prices are Azure's, and stand where it says.

How it is counted: Microsoft's "Billing in Azure Container Apps" (azure-docs,
articles/container-apps/billing.md, 2025-12-09) and "Workload profiles" (2025-11-04).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from .plan import Plan

PRICES: Final = "https://azure.microsoft.com/pricing/details/container-apps/"
REGISTRY_PRICES: Final = "https://azure.microsoft.com/pricing/details/container-registry/"
LOG_PRICES: Final = "https://azure.microsoft.com/pricing/details/monitor/"
#: Of the dedicated instances (E16) on which a pool of custom containers runs.
NODE_CORES: Final = 16
MONTH_H: Final = 730
LESSON_H: Final = 2


def lines(plan: Plan) -> Iterator[str]:
    yield from _custom(plan) if plan.custom else _builtin(plan)


def _builtin(plan: Plan) -> Iterator[str]:
    most = plan.max_sessions
    begun_h = math.ceil(LESSON_H + plan.cooldown_s / 3600)
    yield "Each session is billed from its allocation to its end, in steps of one hour."
    yield "  nobody works:        0 session-hours"
    yield (
        f"  a lesson of {LESSON_H} hours: {most} sessions x {begun_h} begun hours (the cooldown of "
        f"{plan.cooldown_s} s counts) = {most * begun_h} session-hours at most"
    )
    yield f"Price of a session-hour: {PRICES}"


def _custom(plan: Plan) -> Iterator[str]:
    cpu = float(plan.names.cpu)
    yield (
        f"The pool runs on dedicated E16 instances ({NODE_CORES} cores each), as many as its ready "
        "and active sessions need. It has ready sessions at all times, so at least one instance:"
    )
    yield (
        f"  nobody works: {plan.ready_sessions} ready x {cpu:g} cores: "
        f"{_a_month(_nodes(plan.ready_sessions, cpu))}"
    )
    yield (
        f"  all in use:   {plan.max_sessions} sessions x {cpu:g} cores = "
        f"{plan.max_sessions * cpu:g} cores: {_nodes(plan.max_sessions, cpu)} instances or more"
    )
    yield "Besides: the Dedicated plan's management fee, the registry (Basic), and logs by volume."
    yield f"Prices: {PRICES} (Dedicated plan),"
    yield f"        {REGISTRY_PRICES}, {LOG_PRICES}"


def _nodes(sessions: int, cpu: float) -> int:
    return max(1, math.ceil(sessions * cpu / NODE_CORES))


def _a_month(nodes: int) -> str:
    hours = nodes * MONTH_H
    return (
        f"{nodes} x {MONTH_H} h a month = {hours:,} instance-hours "
        f"({hours * NODE_CORES:,} core-hours)"
    )
