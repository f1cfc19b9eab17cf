"""Joins small ``stream`` messages, so that a million prints are not a million log entries.

Rules (docs/design.md 3): the first message of a run is passed on at once; what follows within
the window is joined until 50 ms have passed or 64 KiB are waiting. Only consecutive messages of
one parent and one stream name are joined, so the order of everything stays what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...wire import Message

WINDOW_S: Final = 0.05
WINDOW_CHARS: Final = 64 * 1024


class StreamMerger:
    """Messages in, messages out; time is passed in, so tests need no clock."""

    def __init__(self) -> None:
        self._first: Message | None = None
        self._texts: list[str] = []
        self._chars = 0
        self._key: tuple[str, str] | None = None
        self.due: float | None = None
        """When ``flush`` must be called, on the caller's clock, or None."""

    def add(self, message: Message, now: float) -> list[Message]:
        """The messages to pass on now, in order."""
        key = _stream_key(message)
        if key is None:
            done = self.flush()
            self._key = None
            return [*done, message]
        if key != self._key:
            done = self.flush()
            self._key, self.due = key, now + WINDOW_S
            return [*done, message]
        if self._first is None and self.due is not None and now >= self.due:
            self.due = now + WINDOW_S
            return [message]
        self._keep(message, now)
        return self.flush() if self._chars >= WINDOW_CHARS else []

    def _keep(self, message: Message, now: float) -> None:
        if self._first is None:
            self._first = message
            self.due = self.due if self.due is not None else now + WINDOW_S
        text = message.content["text"]
        self._texts.append(text)
        self._chars += len(text)

    def flush(self) -> list[Message]:
        """What is waiting, joined into one message."""
        if self._first is None:
            return []
        first, texts = self._first, self._texts
        self._first, self._texts, self._chars, self.due = None, [], 0, None
        return [replace(first, content={**first.content, "text": "".join(texts)})]

    @property
    def waiting(self) -> bool:
        return self._first is not None


def _stream_key(message: Message) -> tuple[str, str] | None:
    """What makes two messages joinable, or None for a message that never is."""
    if message.msg_type != "stream" or message.buffers:
        return None
    name, text = message.content.get("name"), message.content.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        return None
    return message.parent_id, name
