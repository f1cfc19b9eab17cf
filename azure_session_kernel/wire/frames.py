"""A message of the log as it came: a line of JSON with its headers, and behind it its other parts.

::

    {"n":7,"sizes":[2,34],"channel":"iopub","header":{…},"parent_header":{…}}
    {}{"name": "stdout", "text": "hello"}

``sizes`` are the bytes of metadata, content and each buffer, which follow the line in this order
and end with a ``\\n`` of their own. They come before everything that the session's code has a say
in, so whoever splits a log looks at the beginning of a line and needs no JSON, and bounds them
before anything is kept for them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any, Final

import msgspec

from .decoded_size import why_not
from .json_text import (
    NOT_DECODED,
    BeyondDecoder,
    WireError,
    dump,
    dump_plain,
    load_object,
    object_at,
)
from .messages import ContentUnreadable, Message, as_json_bytes, checked_channel, object_from

#: The feature of a hello that says that the adapter has this form, which a read then asks for.
FRAMES: Final = "frames"
#: Metadata, content and buffers. A message with more of them is an ordinary line.
MOST_PARTS: Final = 1000

#: The beginning of a line with parts has no more.
BEGINNING_BYTES: Final = 12 * 1024
_BEGINNING: Final = re.compile(
    rb'\{"n":([1-9][0-9]{0,17}),"sizes":\[((?:[0-9]{1,10},){1,%d}[0-9]{1,10})\],' % (MOST_PARTS - 1)
)


class _Headers(msgspec.Struct):
    channel: str
    header: dict[str, Any]
    parent_header: dict[str, Any] = {}


_HEADERS: Final = msgspec.json.Decoder(_Headers)


def encode_entry(n: int, message: Message) -> bytes:
    """With the ``\\n`` that ends it."""
    parts = (as_json_bytes(message.metadata), as_json_bytes(message.content), *message.buffers)
    head = dump_plain(
        {
            "channel": message.channel,
            "header": message.header,
            "parent_header": message.parent_header,
        }
    )
    sizes = ",".join([str(len(part)) for part in parts])
    line = b'{"n":%d,"sizes":[%b],%b\n' % (n, sizes.encode(), head[1:])
    return b"".join((line, *parts, b"\n"))


def fits(message: Message) -> bool:
    return len(message.buffers) <= MOST_PARTS - 2


def parts_bytes(line: bytes) -> int | None:
    """How much follows this line, and ends with a ``\\n``; None: nothing, it is a whole one."""
    found = _BEGINNING.match(line)
    return None if found is None else _bytes_behind(found)


def _bytes_behind(found: re.Match[bytes]) -> int:
    return sum(map(int, found[2].split(b",")))


def end_of_entry(data: bytes, start: int) -> int | None:
    """Where the message with parts that begins there ends, if it does so within ``data``; 0 if what
    begins there is none. Of one that has not come whole, nothing is known.
    """
    found = _BEGINNING.match(data, start)
    if found is None:
        return 0
    head = data.find(b"\n", found.end())
    end = head + 1 + _bytes_behind(found)
    return end if head > 0 and end < len(data) else None


def entries(data: bytes) -> Iterator[bytes]:
    """Of a log that is written here, without their ``\\n``."""
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        if (found := _BEGINNING.match(data, start)) is not None:
            end += _bytes_behind(found) + 1
        yield data[start:end]
        start = end + 1


def without_first(data: bytes, count: int) -> bytes:
    """What follows the first ``count`` entries."""
    size = sum(len(entry) + 1 for entry, _ in zip(entries(data), range(count), strict=False))
    return data[size:]


class Entry:
    """One message with its parts.

    :ivar n: its number. :ivar head: its line, without its beginning. :ivar data: all of it.
    """

    __slots__ = ("_places", "data", "head", "n")

    def __init__(self, found: re.Match[bytes], data: bytes) -> None:
        """:raises WireError: it does not end where its sizes say."""
        start, end = found.end(), data.find(b"\n", found.end())
        self.n, self.data, self.head = int(found[1]), data, b"{" + data[start:end]
        self._places = list(accumulate(map(int, found[2].split(b",")), initial=end + 1))
        if end < 0 or self._places[-1] != len(data):
            raise WireError("a message does not end where its sizes say")

    @property
    def has_buffers(self) -> bool:
        return len(self._places) > 3

    @property
    def parts(self) -> list[bytes]:
        """Metadata, content, and each buffer. Each time they are made anew."""
        return [self.data[start:stop] for start, stop in pairwise(self._places)]


def entry_of(data: bytes) -> Entry | None:
    """None for an ordinary line."""
    found = _BEGINNING.match(data)
    return None if found is None else Entry(found, data)


def message_of(entry: Entry, size_bytes: int) -> Message:
    """:raises WireError: it is none.
    :raises ContentUnreadable: it is one, and its metadata or content is beyond this decoder.
    """
    if reason := why_not(entry.head):
        raise WireError(f"the headers of a message can't be read: {reason}")
    try:
        head = _HEADERS.decode(entry.head)
        channel, header, parent = head.channel, head.header, head.parent_header
    except NOT_DECODED:
        value = load_object(entry.head)
        channel = value.get("channel", "")
        header, parent = object_at(value, "header"), object_at(value, "parent_header")
    checked_channel(header, channel)
    try:
        # What is JSON from its beginning to its end is looked at before it is there twice.
        checked = not entry.has_buffers
        if checked and (reason := why_not(entry.data)):
            raise BeyondDecoder(reason)
        metadata, content, *buffers = entry.parts
        found = object_from(content, checked=checked), object_from(metadata, checked=checked)
    except BeyondDecoder as error:
        without = Message(channel, header, {}, parent, size_bytes=size_bytes)
        raise ContentUnreadable(without, str(error)) from error
    return Message(channel, header, found[0], parent, found[1], tuple(buffers), size_bytes)


def line_around(
    head: bytes, metadata: bytes, content: bytes, buffers: tuple[bytes, ...] | list[bytes]
) -> bytes:
    """An ordinary line. :param head: an object with what comes first."""
    encoded = dump([base64.b64encode(buffer).decode("ascii") for buffer in buffers])
    pieces = (head[:-1], b',"metadata":', one_line(metadata))
    more = (b',"buffers":', encoded, b',"content":', one_line(content), b"}\n")
    return b"".join((*pieces, *more))


def one_line(data: bytes) -> bytes:
    """Valid JSON in one line: in its texts there is no line's end."""
    return data.replace(b"\n", b" ")


def as_line(entry: Entry) -> bytes:
    """The same message in an ordinary line, with its ``\\n``."""
    metadata, content, *buffers = entry.parts
    return line_around(b'{"n":%d,%b' % (entry.n, entry.head[1:]), metadata, content, buffers)
