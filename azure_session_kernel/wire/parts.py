"""Bodies of requests: JSON, or a line of it with other bytes behind; and parts of too long ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

from .json_text import WireError, bytes_from_base64, dump, load
from .limits import MAX_ASSEMBLED_BYTES, MAX_BODY_BYTES, PART_BYTES

#: The first member of a line of JSON behind which there is more, and under which it is found.
BEHIND: Final = "behind"
_BEGINNING: Final = b'{"behind":'


def body_with(behind: bytes | memoryview, **head: Any) -> bytes:
    """A line of JSON, and as many bytes behind it as it says."""
    return dump({BEHIND: len(behind), **head}) + b"\n" + behind


def load_body(data: bytes) -> dict[str, Any]:
    """What ``body_with`` has made, with these bytes at ``BEHIND``; or an object of JSON, with none.

    :raises WireError: it is neither.
    """
    behind = None
    if data.startswith(_BEGINNING):
        data, _, behind = data.partition(b"\n")
    value = load(data or b"{}")
    if not isinstance(value, dict):
        raise WireError("the body must be an object")
    if behind is not None and value.get(BEHIND) != len(behind):
        raise WireError("a body does not have as many bytes as it says")
    return {**value, BEHIND: behind}


def split_body(
    body: bytes, part_id: str, boot: str, reader: str, *, framed: bool = False
) -> Iterator[bytes]:
    """The bodies of the requests that carry ``body``: itself, or numbered parts of it.

    ``b'{"boot": …}'`` of 1 MiB at most comes back as it is. A larger one, of 1.2 MiB, becomes three
    bodies, each with 512 KiB of it or what is left, in base64::

        {"boot": "b-1", "reader": "r-1", "part": {"id": "p-1", "index": 0, "count": 3, "data": "…"}}

    :param part_id: any text that no other body of this reader has.
    :param framed: each part behind a line of JSON, as ``body_with`` does it, without ``data``.
    """
    if len(body) <= MAX_BODY_BYTES:
        yield body
        return
    count, whole = -(-len(body) // PART_BYTES), memoryview(body)
    for index in range(count):
        data = whole[index * PART_BYTES : (index + 1) * PART_BYTES]
        part: dict[str, Any] = {"id": part_id, "index": index, "count": count}
        if framed:
            yield body_with(data, boot=boot, reader=reader, part=part)
        else:
            part["data"] = base64.b64encode(data).decode("ascii")
            yield dump({"boot": boot, "reader": reader, "part": part})


class PartAssembler:
    """Numbered parts in, the whole body out. Repeats and any order are fine; memory is bounded."""

    def __init__(self, max_bytes: int = MAX_ASSEMBLED_BYTES) -> None:
        self._bodies: dict[str, tuple[int, dict[int, bytes]]] = {}
        self._max = max_bytes

    def add(self, part: Any, data: bytes | None = None) -> bytes | None:
        """The whole body once its last missing part is in, else None.

        :param data: of the part; None: it is in it, as base64.
        :raises WireError: a malformed part, or a body that outgrows the limit.
        """
        if not isinstance(part, dict):
            raise WireError("part must be an object")
        part_id, index, count = part.get("id"), part.get("index"), part.get("count")
        if not isinstance(part_id, str) or not isinstance(index, int) or not isinstance(count, int):
            raise WireError("a part needs id, index and count")
        if not 0 <= index < count or count * PART_BYTES > self._max + PART_BYTES:
            raise WireError("a part's index or count is out of range")
        if data is None:
            (data,) = bytes_from_base64([part.get("data")])
        if not 0 < len(data) <= PART_BYTES:
            raise WireError("a part is empty or too large")
        known_count, parts = self._bodies.setdefault(part_id, (count, {}))
        if count != known_count:
            raise WireError("parts disagree on their count")
        parts[index] = data
        if len(parts) < count:
            self._forget_oldest()
            return None
        del self._bodies[part_id]
        return b"".join(parts[i] for i in range(count))

    def _forget_oldest(self) -> None:
        """Bodies that were never finished must not pile up."""
        while sum(len(p) for _, body in self._bodies.values() for p in body.values()) > self._max:
            del self._bodies[next(iter(self._bodies))]
