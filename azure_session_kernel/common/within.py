"""A limit of time for something awaited."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from typing import Any, TypeVar

from .errors import SessionKernelError

T = TypeVar("T")


async def within(awaitable: Awaitable[T], timeout_s: float) -> T:
    """What it returns; it is cancelled when its time is over, or the caller is cancelled.

    As ``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes together with
    the result (bpo-37658): a task that was cancelled would go on, and who waits for its end would
    wait for ever.

    :raises asyncio.TimeoutError: not within ``timeout_s`` seconds.
    """
    if sys.version_info >= (3, 11):  # without a task of its own
        async with asyncio.timeout(timeout_s):
            return await awaitable
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,), timeout=timeout_s)
        in_time = task.done()
    finally:
        await _end(task)
    try:
        return task.result()
    except asyncio.CancelledError:
        if in_time:  # somebody else has cancelled it
            raise
        raise asyncio.TimeoutError from None


async def known(wanted: Awaitable[T], within_s: float) -> T | None:
    """None for what the pool does not tell, or not in time."""
    with contextlib.suppress(SessionKernelError, asyncio.TimeoutError):
        return await within(wanted, within_s)
    return None


async def _end(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # so that nobody is warned of one that the caller does not get to see
