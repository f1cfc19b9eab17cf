"""Messages in, numbered lines in numbered files out."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
import time
from typing import Any

from .backlog import BACKLOG_BYTES, CHUNK_BYTES, Backlog, Line

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

    def add(self, channel: str, message: dict[str, Any], buffers: Any = ()) -> None:
        content = message["content"]
        line = {
            "channel": channel,
            "header": message["header"],
            "parent_header": message["parent_header"],
            "metadata": message.get("metadata") or {},
        }
        text = content.get("text") if message["header"]["msg_type"] == "stream" else None
        if isinstance(text, str) and not buffers:
            key = (packed(line["parent_header"]), str(content.get("name")))
            self._put((key, packed(line), text), len(text))
            return
        encoded = [base64.b64encode(memoryview(b).cast("B")).decode() for b in buffers or ()]
        body = packed({**line, "content": content, "buffers": encoded})
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
            with contextlib.suppress(Exception):
                self._write(items)
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
        (key, line, _), text = run[0], "".join(text for _, _, text in run)
        self._add_text(key, line, text)

    def _add_text(self, key: tuple[bytes, str], line: bytes, text: str) -> None:
        content = packed({"name": key[1], "text": text})
        body = line[:-1] + b',"content":' + content + b',"buffers":[]}'
        if fits(body):
            self.backlog.add(Line(body, (*key, len(text))))
        elif len(text) > 1 and len(line) < LINE_BYTES // 2:
            del content, body
            middle = len(text) // 2
            self._add_text(key, line, text[:middle])
            self._add_text(key, line, text[middle:])
        else:
            self.backlog.add(line_of(json.loads(line), body))


def fits(body: bytes) -> bool:
    return len(body) + NUMBER_BYTES <= LINE_BYTES


def line_of(line: dict[str, Any], body: bytes) -> Line:
    """A message that is no stream's, or where it is too large for a line, what says so."""
    if not fits(body):
        return Line(instead(line, len(body), LINE_BYTES))
    msg_type = str(line["header"]["msg_type"])
    if line["channel"] == "iopub" and msg_type not in NO_OUTPUT:
        return Line(body, (packed(line["parent_header"]), msg_type, len(body)))
    return Line(
        body, None, instead(line, len(body), BACKLOG_BYTES) if len(body) > SMALL_BYTES else b""
    )


def instead(line: dict[str, Any], size: int, limit: int) -> bytes:
    """Stands for a message that is too large, and says so."""
    what = {
        "event": "gap",
        "name": str(line["header"]["msg_type"])[:100],
        "missing_chars": size,
        "channel": line["channel"],
        "limit_bytes": limit,
        "parent_header": line["parent_header"],
    }
    if not fits(packed(what)):
        what["parent_header"] = {"msg_id": str(line["parent_header"].get("msg_id"))[:1000]}
    return packed(what)


def size_of(item: Any) -> int:
    if isinstance(item, Line):
        return len(item.body)
    return len(item[-1]) if isinstance(item, tuple) else 0


def packed(value: Any) -> bytes:
    """JSON as ipykernel makes it, whatever the user's code put into a message."""
    from jupyter_client.jsonutil import json_clean, json_default

    options: dict[str, Any] = {"default": json_default, "separators": (",", ":")}
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value, **options).encode()
    except (TypeError, ValueError):
        return json.dumps(json_clean(value), default=repr).encode()
