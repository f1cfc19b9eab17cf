"""A held lease on an event loop that no disk may hold up (docs/design.md rule 7).

Home directories can be on a file server, where one ``fsync`` takes seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ..common.daemon_thread import in_daemon_thread
from .lease import HeldLease, Lease, LeaseState


class LeaseWriter:
    """Does to a lease what ``HeldLease`` does: in threads, one thing after another."""

    def __init__(self, held: HeldLease) -> None:
        self._held = held
        self._last: asyncio.Future[None] | None = None

    @property
    def lease(self) -> Lease:
        """As it was last written."""
        return self._held.lease

    def update(self, state: LeaseState, boot: str | None = None) -> None:
        """Begin to; see ``HeldLease.update``. Who needs it on the disk awaits ``written``."""
        self._put(partial(self._held.update, state, boot))

    async def written(self) -> None:
        """Until every change so far is on the disk, or the log says why it is not."""
        if self._last is not None:
            await asyncio.wait({self._last})

    async def release(self, *, remove: bool) -> None:
        """After every change so far; see ``HeldLease.release``. Cancelling does not stop it."""
        await asyncio.shield(self._put(partial(self._held.release, remove=remove)))

    def _put(self, work: Callable[[], None]) -> asyncio.Future[None]:
        self._last = asyncio.ensure_future(_after(self._last, work))
        return self._last


async def _after(before: asyncio.Future[None] | None, work: Callable[[], None]) -> None:
    if before is not None:
        await asyncio.wait({before})
    await in_daemon_thread(work)
