"""The end of a kernel: its session is stopped, kept, or asked for a new boot, its lease let go.

jupyter_client allows 2.5 s before it sends SIGTERM (docs/design.md 6): all are bounded. What was
not confirmed in time stays in the lease: a restart for the next start, a stop for a process that
outlives this one (``handover.py``), and after that for the reaper.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from ..common.errors import SessionKernelError
from ..common.within import within
from .handover import Handover, hand_over
from .opening import Opening

log = logging.getLogger(__name__)

RESTART_BUDGET_S: Final = 1.5
STOP_BUDGET_S: Final = 2.0
#: Where there is time, and how long after a stop that confirms nothing there is another one.
LONG_STOP_S: Final = 15.0
AGAIN_S: Final = 1.0
#: A stop that is not confirmed by then may not be in time. Most take a tenth of that.
HAND_OVER_S: Final = 0.5
#: How long files are waited for that are still being written, and a process that is started.
_FILES_S: Final = 0.3


async def ask_for_new_boot(opening: Opening, boot: str, *, spent_s: float = 0.0) -> None:
    """Called when the front end restarts the kernel; ``boot`` is "" before the first hello."""
    opening.lease.update("restart", boot=boot)
    budget_s = min(RESTART_BUDGET_S, STOP_BUDGET_S - spent_s)
    try:
        if boot:
            await opening.executor.restart(boot, "restart", budget_s)
    except SessionKernelError as error:
        log.warning("the new interpreter will be asked for at the next start: %s", error.what)
    finally:
        await _let_go(opening)


async def keep(opening: Opening) -> None:
    """Called at a shutdown with ``AZURE_SESSION_ON_SHUTDOWN=keep``."""
    opening.lease.update("kept")
    await _let_go(opening)


async def stop(opening: Opening, *, unsure: bool, spent_s: float = 0.0) -> None:
    """Called when the kernel shuts down.

    :param spent_s: of the time there is.
    :param unsure: a request that was under way may reach the pool after the stop, and get the
        identifier a fresh session: then nothing is confirmed, and it is stopped again.
    """
    if not opening.client.asked:
        await opening.lease.release(remove=True)
        return
    opening.lease.update("stopping")
    budget_s = STOP_BUDGET_S - spent_s
    late = asyncio.Event()
    handing_over = asyncio.create_task(_hand_over(opening, late))
    gone = False
    try:
        gone = await within(_stopped(opening, budget_s, unsure=unsure), budget_s)
        unsure = not gone
    except asyncio.TimeoutError:
        log.warning("the session could not be stopped in time; another process goes on with it")
    finally:
        if gone:
            handing_over.cancel()
        else:
            late.set()
            handover = await handing_over
            if unsure and handover is not None:
                handover.tell_unsure()
            await _let_go(opening)


async def stop_here(opening: Opening, *, unsure: bool) -> None:
    """Called instead in a process that lives on: there is time, and nobody to hand it over to. What
    is not confirmed stays in the lease.

    :param unsure: as for ``stop``.
    """
    if not opening.client.asked:
        await opening.lease.release(remove=True)
        return
    opening.lease.update("stopping")
    gone = False
    try:
        gone = await within(_stopped(opening, LONG_STOP_S, unsure=unsure), LONG_STOP_S)
        if not gone:
            await asyncio.sleep(AGAIN_S)
            gone = await within(_stopped(opening, LONG_STOP_S, unsure=unsure), LONG_STOP_S)
    except asyncio.TimeoutError:
        log.warning("the session could not be stopped in time: its lease stays for the reaper")
    finally:
        if not gone:
            await _let_go(opening)


async def _stopped(opening: Opening, budget_s: float, *, unsure: bool) -> bool:
    """True when there is no session any more, none can come back, and the lease is removed."""
    try:
        stopped = await opening.executor.stop(budget_s)
    except SessionKernelError as error:
        log.warning("the session could not be stopped: %s", error.what)
        return False
    if not stopped or unsure:
        return False
    await opening.lease.release(remove=True)
    return True


async def _hand_over(opening: Opening, late: asyncio.Event) -> Handover | None:
    """When it is late, or may become so."""
    with contextlib.suppress(asyncio.TimeoutError):
        await within(late.wait(), HAND_OVER_S)
    try:
        return await within(hand_over(opening), _FILES_S)
    except (SessionKernelError, OSError, asyncio.TimeoutError) as error:
        reason = type(error).__name__
        log.warning("nobody goes on stopping the session (%s): its lease stays", reason)
        return None


async def _let_go(opening: Opening) -> None:
    try:
        await within(opening.lease.release(remove=False), _FILES_S)
    except asyncio.TimeoutError:
        log.warning("the lease could not be written in time")
