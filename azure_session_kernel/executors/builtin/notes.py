"""Files that a mailbox looks at while an execution runs: what can't wait for the next execution.

The session takes each name once, so putting a note again does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from ...common.errors import CredentialError, PoolError
from ...common.within import within
from ...pool.retry import delays, retry
from ...wire import REACTIONS, Message, Reaction, WireError, load, message_as_json, word
from ..base import FILES_ANSWER_BYTES
from .azure import PASSES
from .folder import Folder


class Notes:
    """Those to one boot, and its answers, which are files, too."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        #: The session takes what is there in the order of its names.
        self._name, self._numbers = secrets.token_hex(8), itertools.count(1)

    async def messages(self, messages: Sequence[Message]) -> None:
        """What ipykernel takes while a cell runs. :raises PoolError:"""
        value = {"messages": [message_as_json(message) for message in messages]}
        await self._folder.put(f"beside-{self._name}-{next(self._numbers):012}", value)

    async def input_reply(self, message: Message) -> None:
        """:raises PoolError: it is not there."""
        name = hashlib.sha256(message.msg_id.encode("utf-8", "replace")).hexdigest()[:16]
        await self._folder.put(f"answer-{name}", {"value": message.content.get("value", "")})

    async def signal(self, msg_id: str, timeout_s: float) -> None:
        """SIGINT for that request. :raises PoolError:"""
        name, value = f"signal-{secrets.token_hex(6)}", {"msg_id": msg_id}
        put = partial(self._folder.put, name, value, timeout_s)
        await retry(put, timeout_s, unreachable_s=0.0, also=PASSES)

    async def reaction(self, timeout_s: float) -> Reaction:
        """``none`` also when there is no answer: a call that keeps the interpreter lock stops the
        thread that would give it. :raises PoolError:
        """
        name = secrets.token_hex(6)
        await self._folder.put(f"look-{name}", {}, timeout_s)
        try:
            value = load(await within(self._answer(f"seen-{name}"), timeout_s))
        except asyncio.TimeoutError:
            return "none"
        except WireError:
            return "unknown"
        told = value.get("reaction") if isinstance(value, dict) else None
        return word(told, REACTIONS, "unknown")

    async def _answer(self, name: str) -> bytes:
        """Of a file that the session is writing."""
        found, waits = await self._folder.get(name), delays()
        while found is None:
            await asyncio.sleep(next(waits))
            found = await self._folder.get(name)
        with contextlib.suppress(PoolError):
            await self._folder.delete(name)
        return found

    async def read_up_to(self, chunk: int) -> None:
        """The session may remove its files up to number ``chunk``."""
        with contextlib.suppress(PoolError, CredentialError):
            await self._folder.put(f"read-{chunk}", {"chunk": chunk})

    async def exit(self, timeout_s: float) -> None:
        """End the interpreter's process. :raises PoolError:"""
        await self._folder.put("exit-now", {}, timeout_s)

    async def taken_back(self, name: str, timeout_s: float) -> dict[str, Any] | None:
        """What the session has written into ``name``, which is removed; None: nothing."""
        found = await self._folder.get(name, timeout_s, FILES_ANSWER_BYTES)
        if found is None:
            return None
        with contextlib.suppress(PoolError):
            await self._folder.delete(name)
        value = load(found)
        return value if isinstance(value, dict) else {}
