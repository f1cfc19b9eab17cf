"""Messages in, numbered lines in numbered files out."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from typing import Any

from .backlog import BACKLOG_BYTES, CHUNK_BYTES, Backlog, Line
from .packing import pack, read, valid

#: Lines gather for so long: the first ones a moment, so that a small cell is one file.
FIRST_S, WINDOW_S, LONGEST_WINDOW_S = 0.005, 0.05, 0.5
WINDOW_CHARS = 64 * 1024
#: How often a full disk is tried again while nothing new comes.
RETRY_S = 1.0
#: Of what waits for the log's thread; beyond it, whoever adds waits too.
QUEUED_BYTES = 8 * 1024 * 1024
#: A larger message, of a kind that must get through, may be replaced by its name and size.
SMALL_BYTES = 64 * 1024
#: Without these, or those of other channels, a cell would never end.
NO_OUTPUT = ("status", "execute_input", "error")
#: Of a line; the reader gives up one that is larger. It begins with its number, so much at most.
LINE_BYTES = 288 * 1024 * 1024
NUMBER_BYTES = 32
#: A longer text of a stream goes in pieces: one wide character makes each take four bytes.
TEXT_BYTES = 64 * 1024 * 1024


class Log:
    """Any thread may add.

    :ivar window_s: how long lines gather; a distant reader can't fetch a file each 50 ms.
    """

    def __init__(self) -> None:
        self.backlog = Backlog()
        self.window_s = WINDOW_S
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._queued, self._counting = 0, threading.Lock()
        self._written_at = 0.0
        threading.Thread(target=self._run, daemon=True, name="azure-session-log").start()

    def add(self, channel: str, parts: list[bytes], buffers: Any = (), reason: str = "") -> None:
        """:param parts: header, parent header, metadata and content, as they are sent.
        :param reason: why they can't be read: a clause, which takes their place.
        """
        header, parent, metadata, content = map(valid, parts)
        line = b'{"channel":%s,"header":%s,"parent_header":%s,"metadata":%s}' % (
            pack(channel), header, parent, metadata
        )  # fmt: skip
        if reason:
            body = instead(line, len(content), reason=reason)
            self._put(Line(body), len(body))
            return
        is_stream = (read(header) or {}).get("msg_type") == "stream"
        said = (read(content) or {}) if is_stream and not buffers else {}
        text = said.get("text")
        if isinstance(text, str):
            self._put(((parent, str(said.get("name"))), line, text), len(text))
            return
        encoded = [base64.b64encode(memoryview(b).cast("B")) for b in buffers or ()]
        body = _whole(line, content, b'["%s"]' % b'","'.join(encoded) if encoded else b"[]")
        self._put(line_of(line, body), len(body))

    def _put(self, item: Any, size: int) -> None:
        """It waits where the disk is slower than the user's code."""
        with self._counting:
            self._queued += size
        self._queue.put(item)
        if self._queued > QUEUED_BYTES:
            self.flush()

    def flush(self, limit_s: float = 30.0) -> None:
        """Until everything added before is in its file."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(limit_s)

    def _run(self) -> None:
        while True:
            items = self._gathered()
            try:
                self._write(items)
            except Exception as error:
                self.backlog.problem = repr(error)[:200]
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _gathered(self) -> list[Any]:
        """What comes within the window, as far as it may be written together; at times nothing."""
        try:
            items = [self._queue.get(timeout=RETRY_S if self.backlog.waits else None)]
        except queue.Empty:
            return []
        recent = time.monotonic() - self._written_at < self.window_s
        until = time.monotonic() + (self.window_s if recent else FIRST_S)
        chars, size = 0, size_of(items[0])
        while not isinstance(items[-1], threading.Event):
            if chars >= WINDOW_CHARS or size >= CHUNK_BYTES:
                break
            try:
                items.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
            size += size_of(items[-1])
            chars += size_of(items[-1]) if isinstance(items[-1], tuple) else 0
        with self._counting:
            self._queued -= size
        return items

    def _write(self, items: list[Any]) -> None:
        if not items:
            self.backlog.catch_up()
            return
        if self.backlog.problem:
            self.backlog.store()
        run: list[Any] = []
        for item in items:
            if run and not (isinstance(item, tuple) and item[0] == run[0][0]):
                self._add_stream(run)
                run = []
            if isinstance(item, tuple):
                run.append(item)
            elif isinstance(item, Line):
                self.backlog.add(item)
        if run:
            self._add_stream(run)
        self.backlog.store()
        self._written_at = time.monotonic()

    def _add_stream(self, run: list[Any]) -> None:
        (key, line, _), size = run[0], sum(len(text) for _, _, text in run)
        try:
            self._add_text(key, line, "".join(text for _, _, text in run))
        except Exception as error:
            reason = f"{type(error).__name__} while it was stored"
            self.backlog.add(Line(instead(line, size, reason=reason)))

    def _add_text(self, key: tuple[bytes, str], line: bytes, text: str) -> None:
        content = pack({"name": key[1], "text": text})
        body = _whole(line, content)
        if len(body) + NUMBER_BYTES <= min(TEXT_BYTES, LINE_BYTES):
            self.backlog.add(Line(body, (*key, len(text))))
        elif len(text) > 1 and len(line) < LINE_BYTES // 2:
            del content, body
            middle = len(text) // 2
            self._add_text(key, line, text[:middle])
            self._add_text(key, line, text[middle:])
        else:
            self.backlog.add(line_of(line, body))


def fits(body: bytes) -> bool:
    return len(body) + NUMBER_BYTES <= LINE_BYTES


def _whole(line: bytes, content: bytes, buffers: bytes = b"[]") -> bytes:
    return line[:-1] + b',"content":' + content + b',"buffers":' + buffers + b"}"


def line_of(line: bytes, body: bytes) -> Line:
    """A message that is no stream's, or where it is too large for a line, what says so."""
    if not fits(body):
        return Line(instead(line, len(body)))
    head = json.loads(line)
    msg_type = str(head["header"]["msg_type"])
    if head["channel"] == "iopub" and msg_type not in NO_OUTPUT:
        return Line(body, (pack(head["parent_header"]), msg_type, len(body)))
    small = len(body) <= SMALL_BYTES
    return Line(body, None, b"" if small else instead(line, len(body), BACKLOG_BYTES))


def instead(head: bytes, size: int, limit: int = 0, reason: str = "") -> bytes:
    """Stands for a message that is too large for a line, or for another reason, and says so."""
    line = json.loads(head)
    what: dict[str, Any] = {
        "event": "gap",
        "name": str(line["header"]["msg_type"])[:100],
        "missing_chars": size,
        "channel": line["channel"],
        "limit_bytes": limit or LINE_BYTES,
        "parent_header": line["parent_header"],
        **({"reason": reason} if reason else {}),
    }
    if not fits(pack(what)):
        what["parent_header"] = {"msg_id": str(line["parent_header"].get("msg_id"))[:1000]}
    return pack(what)


def size_of(item: Any) -> int:
    if isinstance(item, Line):
        return len(item.body)
    return len(item[-1]) if isinstance(item, tuple) else 0
