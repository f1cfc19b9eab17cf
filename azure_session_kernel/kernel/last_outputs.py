"""What the last cells have printed, kept for ``%session last``.

A browser that was away, or a kernel that was killed and found its session again, has missed
outputs; the session's log still had them, and so they came here.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Final

from ..wire import Message
from ..wire.json_text import is_whole
from ..wire.messages import as_json_bytes, object_from

log = logging.getLogger(__name__)

#: The oldest outputs are left out past this.
KEPT_BYTES: Final = 16 * 1024 * 1024
#: What keeping one, or a cell without any, costs besides its bytes.
_ENTRY_BYTES: Final = 250
_CELL_BYTES: Final = 1000
#: Of a cell's code, to know it by.
_TITLE_CHARS: Final = 80

_OUTPUTS: Final = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error"}
)


class ShownLast:
    """What ``%session last`` shows.

    :ivar missed: of cells that an earlier kernel of this notebook has run, until shown once.
    :ivar newest: of this kernel's cells.
    """

    def __init__(self) -> None:
        self.missed, self.newest = LastOutputs(), LastOutputs()

    def add(self, message: Message, header: dict[str, Any] | None) -> None:
        """Only what cells print: a debugger, and comms without an end here, print as well.

        :param header: of the request it belongs to, if this kernel has sent that.
        """
        if (header or message.parent_header).get("msg_type") == "execute_request":
            (self.missed if header is None else self.newest).add(message)

    def cells(self, count: int | None = None) -> list[CellOutputs]:
        """The newest last. Without a number, all that were missed, and this kernel's newest."""
        if count is None:
            return [*self.missed.cells, *self.newest.cells[-1:]]
        return [*self.missed.cells, *self.newest.cells][-count:]


class CellOutputs:
    """One cell's, in order.

    Kept as JSON and without headers, because a small message as an object takes some 3 KB.

    :ivar number: its execution count, if it is known.
    :ivar title: the first line of its code.
    :ivar complete: False once some had to be left out.
    """

    def __init__(self, parent: str, number: int | None = None, title: str = "") -> None:
        self.parent, self.number, self.title = parent, number, title
        self.complete, self._clears = True, False
        self._kept: deque[_Kept] = deque()
        self.size_bytes = _CELL_BYTES

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def messages(self) -> tuple[Message, ...]:
        """Without headers, except for the type."""
        return tuple(kept.message for kept in self._kept)

    def take(self, message: Message, limit_bytes: int) -> None:
        if message.msg_type == "clear_output":
            if message.content.get("wait"):
                self._clears = True  # with the next output
            else:
                self._clear()
            return
        if self._clears:
            self._clear()
        self._keep(message, limit_bytes)

    def _clear(self) -> None:
        self.size_bytes, self.complete, self._clears = _CELL_BYTES, True, False
        self._kept.clear()

    def _keep(self, message: Message, limit_bytes: int) -> None:
        if message.size_bytes > 2 * limit_bytes:  # encoding it would take its time
            self._clear()
            self.complete = False
            return
        try:
            parts = as_json_bytes(message.metadata), as_json_bytes(message.content)
        except (ValueError, RecursionError, MemoryError) as error:
            log.info("an output is not kept for %%session last: %s", type(error).__name__)
            self.complete = False
            return
        kept = _Kept(message.msg_type, parts, message.buffers)
        self._kept.append(kept)
        self.size_bytes += kept.size_bytes

    def leave_out_oldest(self) -> None:
        self.size_bytes -= self._kept.popleft().size_bytes
        self.complete = False


class LastOutputs:
    """The outputs of the last cells, each cell's in order, as many as the bound allows."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._limit = kept_bytes
        self._cells: OrderedDict[str, CellOutputs] = OrderedDict()
        self._bytes = 0
        self._heard = False
        """A cell's beginning was, so that the newest is known to be that."""

    def add(self, message: Message) -> None:
        """Called with every message of a cell; takes what is an output."""
        if message.msg_type == "execute_input":
            self._begin(message)
        elif message.msg_type in _OUTPUTS or message.msg_type == "clear_output":
            cell = self._of(message.parent_id)
            if cell is None:
                return
            before_bytes = cell.size_bytes
            cell.take(message, self._limit)
            self._bytes += cell.size_bytes - before_bytes
        self._keep_within_limit()

    def _begin(self, message: Message) -> None:
        count, code = message.content.get("execution_count"), message.content.get("code")
        first = code.strip().partition("\n")[0] if isinstance(code, str) else ""
        self._heard = True
        number = count if is_whole(count) else None
        self._append(CellOutputs(message.parent_id, number, first[:_TITLE_CHARS]))

    def _append(self, cell: CellOutputs) -> CellOutputs:
        if (again := self._cells.pop(cell.parent, None)) is not None:
            self._bytes -= again.size_bytes
        self._cells[cell.parent] = cell
        self._bytes += cell.size_bytes
        return cell

    def _of(self, parent: str) -> CellOutputs | None:
        """None for a cell that is too old."""
        cell = self._cells.get(parent)
        return cell if cell is not None or self._heard else self._append(CellOutputs(parent))

    def _keep_within_limit(self) -> None:
        while self._bytes > self._limit:
            oldest = next(iter(self._cells.values()))
            if len(self._cells) == 1 and not len(oldest):
                return
            before_bytes = oldest.size_bytes
            if len(oldest):
                oldest.leave_out_oldest()
                self._bytes -= before_bytes - oldest.size_bytes
            else:
                del self._cells[oldest.parent]
                self._bytes -= before_bytes

    def clear(self) -> None:
        """They have been shown."""
        self._cells.clear()
        self._bytes = 0

    @property
    def cells(self) -> tuple[CellOutputs, ...]:
        """The newest last."""
        return tuple(self._cells.values())

    @property
    def messages(self) -> tuple[Message, ...]:
        """Of the newest cell."""
        return self.cells[-1].messages if self._cells else ()

    @property
    def complete(self) -> bool:
        return self.cells[-1].complete if self._cells else True


@dataclass(frozen=True, slots=True)
class _Kept:
    """:ivar parts: metadata and content."""

    msg_type: str
    parts: tuple[bytes, bytes]
    buffers: tuple[bytes, ...]

    @property
    def size_bytes(self) -> int:
        return _ENTRY_BYTES + sum(map(len, self.parts)) + sum(map(len, self.buffers))

    @property
    def message(self) -> Message:
        metadata, content = map(object_from, self.parts)
        header = {"msg_id": "last", "msg_type": self.msg_type}
        return Message("iopub", header, content, {}, metadata, self.buffers)
