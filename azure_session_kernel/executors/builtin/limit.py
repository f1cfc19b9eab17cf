"""The pool's ceiling for one execution, told where a cell ended by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...wire import Message
from .azure import LIMIT_S

#: Nearer to the ceiling than so many seconds, an interrupt that nobody asked for is the pool's.
NEAR_S: Final = 15.0


def with_limit(message: Message, running_s: float) -> Message:
    """``message``, and when it is the end of a cell that the pool interrupted, why."""
    content = message.content
    if message.msg_type not in ("error", "execute_reply") or running_s < LIMIT_S - NEAR_S:
        return message
    lines = content.get("traceback")
    if content.get("ename") != "KeyboardInterrupt" or not isinstance(lines, list):
        return message
    return replace(message, content={**content, "traceback": [*lines, *_explanation()]})


def _explanation() -> list[str]:
    return [
        f"The pool ended this cell: one execution of a built-in pool may take {LIMIT_S} s.",
        "  Split the cell, or use a pool with a container of your own, which has no such limit.",
    ]
