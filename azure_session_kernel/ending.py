"""The end of a kernel: its session is stopped, or asked for a new boot, and its lease let go.

jupyter_client allows 2.5 s before it sends SIGTERM (design, section 6): both are bounded, and what
was not confirmed in time stays in the lease, for the next start or the reaper.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from .errors import SessionKernelError
from .opening import Opening
from .within import within

log = logging.getLogger(__name__)

RESTART_BUDGET_S: Final = 1.5
STOP_BUDGET_S: Final = 2.0


async def ask_for_new_boot(opening: Opening, boot: str) -> None:
    """Called when the front end restarts the kernel; ``boot`` is "" before the first hello."""
    opening.lease.update(state="restart", boot=boot)
    try:
        if boot:
            await opening.executor.restart(boot, "restart", RESTART_BUDGET_S)
    except SessionKernelError as error:
        log.warning("the new interpreter will be asked for at the next start: %s", error)
    finally:
        opening.lease.release(remove=False)


async def stop(opening: Opening, *, still_opening: bool) -> None:
    """Called when the kernel shuts down.

    :param still_opening: a request that was under way may reach the pool after the stop, and get
        the identifier a fresh session: then nothing is confirmed, and the reaper stops it again.
    """
    if not opening.client.asked:
        opening.lease.release(remove=True)
        return
    opening.lease.update(state="stopping")
    stopped = False
    try:
        stopped = await within(opening.executor.stop(STOP_BUDGET_S), STOP_BUDGET_S + 0.2)
    except (SessionKernelError, asyncio.TimeoutError):
        log.warning("the session could not be stopped in time; its lease stays for the reaper")
    finally:
        opening.lease.release(remove=stopped and not still_opening)
