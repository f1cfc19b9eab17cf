"""What stands in a log for what was not kept: gaps, which keep its numbers and say how much it was.

A block that was shortened holds lines, gaps among them, and ``COUNT`` alone on a line for so many
numbers that need none of their own: what they were is counted by the gaps before. Whoever reads
them gets empty gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...wire import (
    Gap,
    LogMessage,
    Message,
    Oversized,
    WireError,
    decode_line,
    dump,
    encode_line,
    entries,
)
from .oversized import in_place_of, short_parent

#: What goes first, what goes next, and what has to stay.
TEXTS: Final = 1
OUTPUTS: Final = 2
NOTHING: Final = 3
#: A gap in place of a smaller reply would save nothing.
SMALL_REPLY_BYTES: Final = 4096
_PARENT_BYTES: Final = 1024
_EMPTY: Final = encode_line(Gap(0, {}, "", 0)).replace(b":0,", b":%d,", 1)


def goes_at(message: Message, size_bytes: int) -> int:
    """When a message goes: with the ``TEXTS``, with the ``OUTPUTS``, or never (``NOTHING``).

    A status, or a question, that never came would leave its cell waiting.
    """
    if message.channel == "iopub":
        if message.msg_type == "stream":
            return TEXTS
        return NOTHING if message.msg_type == "status" else OUTPUTS
    is_large_reply = message.channel != "stdin" and size_bytes > SMALL_REPLY_BYTES
    return OUTPUTS if is_large_reply else NOTHING


def stand_in(n: int, message: Message, size_bytes: int, limit_bytes: int) -> Gap | Oversized:
    """:param size_bytes: of its line. :param limit_bytes: of what nobody has read."""
    if message.channel != "iopub":
        return in_place_of(message, n, size_bytes, limit_bytes)
    parent = short_parent(message.parent_header, _PARENT_BYTES)
    if message.msg_type != "stream":
        return Gap(n, parent, message.msg_type[:100], size_bytes)
    text = message.content.get("text")
    missing = len(text) if isinstance(text, str) else size_bytes
    return Gap(n, parent, str(message.content.get("name"))[:100], missing)


@dataclass
class _Run:
    """Numbers from ``first`` on without their messages, and what was in these, added up."""

    first: int
    count: int = 0
    missing: dict[bytes, Gap] = field(default_factory=dict)

    @property
    def next(self) -> int:
        return self.first + self.count

    def add(self, gap: Gap) -> None:
        key = dump([gap.parent_header, gap.name])
        before = self.missing[key].missing_chars if key in self.missing else 0
        chars = before + gap.missing_chars
        self.missing[key] = Gap(gap.n, gap.parent_header, gap.name, chars)
        self.count += 1

    def lines(self) -> list[bytes]:
        gaps = [
            encode_line(Gap(n, gap.parent_header, gap.name, gap.missing_chars))
            for n, gap in enumerate(self.missing.values(), self.first)
        ]
        rest = self.count - len(gaps)
        return [*gaps, b"%d\n" % rest] if rest else gaps


def shortened(first: int, data: bytes, level: int, limit_bytes: int) -> bytes:
    """Lines whose numbers begin with ``first``, without what goes at ``level`` or before."""
    out: list[bytes] = []
    run = _Run(first)
    for line in entries(data):
        if line.isdigit():
            run.count += int(line)
            continue
        instead = _instead(line, level, limit_bytes)
        if isinstance(instead, Gap):
            run.add(instead)
            continue
        out += [*run.lines(), line + b"\n" if instead is None else encode_line(instead)]
        run = _Run(run.next + 1)
    return b"".join([*out, *run.lines()])


def _instead(line: bytes, level: int, limit_bytes: int) -> Gap | Oversized | None:
    """What stands for a line; None when it stays."""
    try:
        found = decode_line(line)
    except WireError:
        return None  # from an interpreter that sends what no kernel reads
    if isinstance(found, Gap):
        return found
    if not isinstance(found, LogMessage) or goes_at(found.message, len(line)) > level:
        return None
    return stand_in(found.n, found.message, len(line), limit_bytes)


def expanded(first: int, data: bytes, after: int, limit_bytes: int) -> tuple[bytes, int]:
    """A shortened block's lines with numbers above ``after``, and the last one's number.

    :param limit_bytes: about so many; the rest is for the next time.
    """
    lines: list[bytes] = []
    size, n = 0, first - 1
    for line in entries(data):
        if line.isdigit():
            end = n + int(line)
            room = max(0, limit_bytes - size) // len(_EMPTY) + 1
            wanted = range(max(n, after) + 1, end + 1)[:room]
            lines += [_EMPTY % number for number in wanted]
            size += len(wanted) * len(_EMPTY)
            n = wanted[-1] if wanted else end
        else:
            n += 1
            if n > after:
                lines.append(line + b"\n")
                size += len(lines[-1])
        if size >= limit_bytes:
            break
    return b"".join(lines), n
