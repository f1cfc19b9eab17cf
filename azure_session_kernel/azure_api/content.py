"""A file's content as an HTTP answer, whole or by ``Range`` (RFC 9110, 14).

Not Starlette's ``FileResponse``: a file that grows while it is sent (a log, a training run) would
then have more than its ``content-length``, and the answer would break off.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

from starlette.responses import Response, StreamingResponse

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_ANY_BYTES: Final = "application/octet-stream"
_PIECE_BYTES: Final = 256 * 1024


async def content_answer(path: Path, wanted: str) -> Response:
    """:param wanted: the request's ``Range`` header; one range only, anything else means all.

    :raises OSError: the file went away.
    """
    file = await asyncio.to_thread(path.open, "rb")
    size = os.fstat(file.fileno()).st_size
    part = _range(wanted, size)
    first, end = part or (0, size)
    headers = {"accept-ranges": "bytes"}
    if part is not None:
        there = f"{first}-{end - 1}" if first < end else "*"
        headers["content-range"] = f"bytes {there}/{size}"
        if first >= end:
            file.close()
            return Response(status_code=416, headers=headers)
    headers["content-length"] = str(end - first)
    status = 200 if part is None else 206
    return StreamingResponse(_pieces(file, first, end), status, headers, _ANY_BYTES)


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """The first byte, and the one after the last; None for the whole file."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


async def _pieces(file: IO[bytes], first: int, end: int) -> AsyncIterator[bytes]:
    """A file that shrinks meanwhile breaks the answer off, which the reader can see."""
    with file:
        await asyncio.to_thread(file.seek, first)
        left = end - first
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(left, _PIECE_BYTES))
            if not piece:
                return
            left -= len(piece)
            yield piece
