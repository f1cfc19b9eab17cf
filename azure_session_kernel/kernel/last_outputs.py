"""What the newest cell has printed, kept for ``%session last``.

A browser that was away, or a kernel that was killed and found its session again, has missed
outputs; the session's log still had them, and so they came here.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import Final

from ..wire import LogMessage, Message, decode_line, encode_line

log = logging.getLogger(__name__)

#: Older outputs of the cell are left out past this.
KEPT_BYTES: Final = 16 * 1024 * 1024
#: What keeping one costs besides its bytes.
_ENTRY_BYTES: Final = 250

_OUTPUTS: Final = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error"}
)


class ShownLast:
    """What ``%session last`` shows.

    :ivar missed: of cells that an earlier kernel of this notebook has run, until shown once.
    :ivar newest: of this kernel's newest cell.
    """

    def __init__(self) -> None:
        self.missed, self.newest = LastOutputs(), LastOutputs()

    def add(self, message: Message, *, ours: bool) -> None:
        """:param ours: this kernel has sent the cell."""
        (self.newest if ours else self.missed).add(message)


class LastOutputs:
    """The outputs of one cell, in order; a cell that begins takes the place of the one before.

    What threads of other cells print meanwhile is not among them.

    Kept as JSON and without headers, because a small message as an object takes some 3 KB.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._limit = kept_bytes
        self._parent, self._heard, self._clears = "", False, False
        self._kept: deque[tuple[bytes, tuple[bytes, ...]]] = deque()
        self._bytes = 0
        self.complete = True
        """False once some had to be left out."""

    def add(self, message: Message) -> None:
        """Called with every message of the session; takes what belongs to it."""
        if message.msg_type == "execute_input":
            self._begin(message.parent_id, heard=True)
        elif message.msg_type in _OUTPUTS or message.msg_type == "clear_output":
            if message.parent_id != self._parent:
                if self._heard:
                    return
                self._begin(message.parent_id, heard=False)
            self._take(message)

    def _begin(self, parent: str, *, heard: bool) -> None:
        """:param heard: its beginning was, so that it is known to be the newest cell."""
        self._parent, self._heard = parent, heard
        self._clear()

    def clear(self) -> None:
        """They have been shown."""
        self._clear()

    def _clear(self) -> None:
        self._bytes, self.complete, self._clears = 0, True, False
        self._kept.clear()

    def _take(self, message: Message) -> None:
        if message.msg_type == "clear_output":
            if message.content.get("wait"):
                self._clears = True  # with the next output
            else:
                self._clear()
            return
        if self._clears:
            self._clear()
        self._keep(message)

    def _keep(self, message: Message) -> None:
        try:
            too_large = message.size_bytes > 2 * self._limit  # encoding it would take its time
            data = b"" if too_large else _as_line(message)
        except (ValueError, RecursionError, MemoryError) as error:
            log.info("an output is not kept for %%session last: %s", type(error).__name__)
            self.complete = False
            return
        if too_large:
            self._kept.clear()
            self._bytes, self.complete = 0, False
            return
        self._kept.append((data, message.buffers))
        self._bytes += _size(data, message.buffers)
        while self._bytes > self._limit:
            self._bytes -= _size(*self._kept.popleft())
            self.complete = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """Without headers, except for the type."""
        return tuple(_message(data, buffers) for data, buffers in self._kept)


def _size(data: bytes, buffers: tuple[bytes, ...]) -> int:
    return _ENTRY_BYTES + len(data) + sum(map(len, buffers))


def _as_line(message: Message) -> bytes:
    header = {"msg_id": "last", "msg_type": message.msg_type}
    kept = replace(message, channel="iopub", header=header, parent_header={}, buffers=())
    return encode_line(LogMessage(1, kept))


def _message(data: bytes, buffers: tuple[bytes, ...]) -> Message:
    line = decode_line(data)
    assert isinstance(line, LogMessage)  # noqa: S101
    return replace(line.message, buffers=buffers)
