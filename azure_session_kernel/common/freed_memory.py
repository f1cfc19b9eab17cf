"""Freed memory stays with a process for as long as outputs flow, where the C library is glibc.

Left to itself, it gives the memory of a larger message back as soon as that is freed, and the
system fills the next one's pages with zeros again: for a process that copies messages, three
quarters of the work. Its limits for this grow by themselves, up to twice the largest message; these
are fixed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

#: What is larger is always given back at once.
_LARGE_BYTES: Final = 8 * 1024 * 1024
#: At a heap's end no more is kept.
_KEPT_BYTES: Final = 48 * 1024 * 1024
#: ``malloc.h``.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_trim: Callable[[int], object] | None = None


def keep() -> None:
    """For this process. Not where others' code runs: it is theirs to say."""
    global _trim
    if sys.platform != "linux":
        return
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        mallopt, _trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """What is kept. To be called when nothing flows any more; takes a tenth of a millisecond."""
    if _trim is not None:
        _trim(0)
