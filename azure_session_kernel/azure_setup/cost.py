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
    yield "  while nobody works:  nothing"
    yield (
        f"  {LESSON_H} hours of class:    {most} sessions x {begun_h} begun hours = "
        f"{most * begun_h} session-hours at most"
    )
    yield f"                       (a session ends {plan.cooldown_s} s after its last request)"
    yield f"Price of a session-hour: {PRICES}"


def _custom(plan: Plan) -> Iterator[str]:
    cpu = float(plan.names.cpu)
    always, most = _nodes(plan.ready_sessions, cpu), _nodes(plan.max_sessions, cpu)
    hours = always * MONTH_H
    yield f"The pool runs on dedicated E16 instances of {NODE_CORES} cores: as many as its ready"
    yield "and active sessions need, so at least one as long as the pool exists."
    yield (
        f"  while nobody works:  {_instances(always)} x {MONTH_H} h a month = {hours:,} "
        f"instance-hours ({hours * NODE_CORES:,} core-hours)"
    )
    yield (
        f"  all in use:          {plan.max_sessions} sessions x {cpu:g} "
        f"{'core' if cpu == 1 else 'cores'}: {_instances(most)} or more for that time"
    )
    yield "Besides: the Dedicated plan's management fee, the registry (Basic), and logs by volume."
    yield "A built-in pool costs nothing while nobody works: --kind builtin."
    yield f"Prices: {PRICES} (Dedicated plan)"
    yield f"        {REGISTRY_PRICES}"
    yield f"        {LOG_PRICES}"


def _nodes(sessions: int, cpu: float) -> int:
    return max(1, math.ceil(sessions * cpu / NODE_CORES))


def _instances(count: int) -> str:
    return f"{count} instance{'s' if count > 1 else ''}"
