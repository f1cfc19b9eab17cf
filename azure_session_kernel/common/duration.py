"""How long something takes, for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """``40 s``, ``5 min``, ``5 min 10 s`` or ``2 h 5 min``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"
