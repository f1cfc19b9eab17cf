"""What the kernels of one process have in common: the token, connections, the look at leftovers."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from ..common.owned_tasks import OwnedTasks
from ..pool.connections import SharedConnections
from ..pool.credentials import AzureToken, TokenSource
from .reaper import reap_leftovers

if TYPE_CHECKING:
    from .opening import Opening

log = logging.getLogger(__name__)

#: Sessions that other processes left behind are looked for so often at most.
REAP_EVERY_S: Final = 60.0


class Shared:
    """Of the kernels of one event loop. Whoever uses it joins it, and leaves it at the end."""

    def __init__(self) -> None:
        self.connections = SharedConnections()
        self._tokens: dict[tuple[str, str], AzureToken] = {}
        self._making = threading.Lock()
        self._reaped_at: dict[str, float] = {}
        self._tasks = OwnedTasks(log)
        self._users = 0

    def join(self) -> None:
        self._users += 1

    async def leave(self) -> None:
        """The last one ends what goes on; the token stays for those who come."""
        self._users -= 1
        if not self._users:
            await self._tasks.aclose()
            self._reaped_at.clear()

    def tokens(self, credential: str, scope: str) -> TokenSource:
        """Called in threads. :raises SettingsError: an unknown credential."""
        with self._making:
            key = (credential, scope)
            if key not in self._tokens:
                self._tokens[key] = AzureToken(credential, scope)
            return self._tokens[key]

    def reap(self, opening: Opening) -> None:
        """Stop what others left behind, in the background: also before this session is open, for a
        pool may be full of it.
        """
        url, now = opening.endpoint.url, time.monotonic()
        if now - self._reaped_at.get(url, -REAP_EVERY_S) >= REAP_EVERY_S:
            self._reaped_at[url] = now
            self._tasks.start(reap_leftovers(opening, self.connections, most=None))
