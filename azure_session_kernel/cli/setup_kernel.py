"""The last steps of ``setup``: the kernelspec of the pool, and doctor on it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Final

from jupyter_client.kernelspec import KernelSpecManager

from ..azure_setup.arm import Arm
from ..azure_setup.names import POOL_TYPE, VERSIONS
from ..azure_setup.plan import Plan
from ..azure_setup.resources import properties
from ..azure_setup.screen import Screen
from ..azure_setup.waiting import ROLE_S
from ..common.errors import SetupFailed
from ..doctor.examination import examine
from ..doctor.report.result import Report
from ..doctor.report.screen import show
from ..doctor.state import Options
from ..session.settings import ENDPOINT
from .kernelspecs import kernels_found

#: How long to wait between two looks at a pool whose role is not effective yet.
_AGAIN_S: Final = 30.0
_ROLE_MISSING: Final = "missing-role"


async def finish(arm: Arm, plan: Plan, kernel: str, screen: Screen) -> int:
    """0: doctor has found the pool healthy."""
    pool = properties(await arm.get(plan.pool_id, VERSIONS[POOL_TYPE]))
    endpoint = str(pool.get("poolManagementEndpoint") or "")
    if not endpoint:
        raise SetupFailed(
            "The pool has no endpoint, so no kernel can use it.",
            cause="Azure has not said where it is (poolManagementEndpoint).",
            fix=f"Look at it, and run this again:\naz resource show --ids {plan.pool_id}",
        )
    screen.say(f"\nThe pool is at {endpoint}")
    if failed := _install(endpoint, kernel):
        return failed
    screen.say("\nDoctor looks at it:")
    report = await _examined(endpoint, arm, screen)
    show(report, verbose=False)
    screen.say(
        "To take it all away again: azure-session-kernel setup --remove "
        f"--subscription {plan.subscription} --resource-group {plan.group}"
    )
    return 0 if report.healthy else 1


def _install(endpoint: str, kernel: str) -> int:
    from .main import parsed  # which imports this command, when it is called

    arguments = ["install", "--endpoint", endpoint, *(["--name", kernel] if kernel else [])]
    args = parsed(arguments)
    return int(args.run(args))


async def _examined(endpoint: str, arm: Arm, screen: Screen) -> Report:
    """Again, while a role that was just assigned is not effective yet."""
    logging.getLogger("azure_session_kernel").addHandler(logging.NullHandler())
    ends_s = arm.clock.now_s() + ROLE_S
    while True:
        report = await examine(Options(endpoint, source="--endpoint"), os.environ)
        causes = [finding.id for finding in report.likely]
        if _ROLE_MISSING not in causes[:1] or arm.clock.now_s() >= ends_s:
            return report
        screen.say("Your role is not effective yet, which takes some minutes; looking again …")
        await arm.clock.sleep(_AGAIN_S)


def kernels_of(endpoints: Sequence[str]) -> list[str]:
    """The kernels on this machine that use one of these pools."""
    wanted = {endpoint.rstrip("/").lower() for endpoint in endpoints}
    found = kernels_found().items()
    return [name for name, env in found if env.get(ENDPOINT, "").rstrip("/").lower() in wanted]


def forget(kernel: str) -> None:
    KernelSpecManager().remove_kernel_spec(kernel)
