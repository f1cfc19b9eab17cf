"""Work on local files that may take long, beside the kernel's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[Event], T]) -> T:
    """``work`` in a thread.

    A thread can't be cancelled: it is to look now and then at the event that it gets, which is set
    once nobody waits for it any more.
    """
    stop = Event()
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()
