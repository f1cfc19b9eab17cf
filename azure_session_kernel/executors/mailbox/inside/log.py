"""Messages in, numbered lines in numbered files out."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
import time
from typing import Any

from .place import Place

#: Lines gather for so long: the first ones a moment, so that a small cell is one file.
FIRST_S, WINDOW_S, LONGEST_WINDOW_S = 0.005, 0.05, 0.5
WINDOW_CHARS = 64 * 1024
CHUNK_BYTES = 1024 * 1024
#: Of files that nobody has read yet; beyond it stream text is counted instead of kept.
UNREAD_BYTES = 1024**3
#: Of a line; the reader gives up one that is larger. It begins with its number, so much at most.
LINE_BYTES = 288 * 1024 * 1024
NUMBER_BYTES = 32


class Log:
    """Any thread may add. :ivar chunk: the newest file. :ivar n: the newest line.

    :ivar window_s: how long lines gather; a distant reader can't fetch a file each 50 ms.
    """

    def __init__(self) -> None:
        self.place: Place | None = None
        self.chunk = self.n = 0
        self.problem = ""
        self.window_s = WINDOW_S
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._backlog = bytearray()
        self._sizes: dict[int, int] = {}
        self._begins: dict[int, int] = {}
        self._stored, self._whole = 0, True
        self._missing: dict[tuple[bytes, str], int] = {}
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
            self._queue.put((key, packed(line), text))
            return
        encoded = [base64.b64encode(memoryview(b).cast("B")).decode() for b in buffers or ()]
        body = packed({**line, "content": content, "buffers": encoded})
        self._queue.put(body if fits(body) else instead(line, len(body)))

    def flush(self, limit_s: float = 30.0) -> None:
        """Until everything added before is in its file."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(limit_s)

    def forget(self, chunk: int) -> None:
        """Everything up to there has been read."""
        for number in [number for number in self._sizes if number <= chunk]:
            self._sizes.pop(number, None)
            self._begins.pop(number, None)
            if self.place is not None:
                self.place.remove(f"out-{number}")

    def oldest(self) -> tuple[int, int]:
        """File and line behind which a reader that knows nothing begins."""
        for number, line in sorted(self._begins.items()):
            return number - 1, line - 1
        return self.chunk, self.n

    def _run(self) -> None:
        while True:
            items = [self._queue.get()]
            recent = time.monotonic() - self._written_at < self.window_s
            until = time.monotonic() + (self.window_s if recent else FIRST_S)
            chars = 0
            while not isinstance(items[-1], threading.Event) and chars < WINDOW_CHARS:
                try:
                    items.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
                except queue.Empty:
                    break
                chars += len(items[-1][-1]) if isinstance(items[-1], tuple) else 0
            with contextlib.suppress(Exception):
                self._write(items)
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, items: list[Any]) -> None:
        run: list[Any] = []
        for item in items:
            if run and not (isinstance(item, tuple) and item[0] == run[0][0]):
                self._add_stream(run)
                run = []
            if isinstance(item, tuple):
                run.append(item)
            elif isinstance(item, bytes):
                self._tell_gaps()
                self._number(item)
        if run:
            self._add_stream(run)
        self._store()
        self._written_at = time.monotonic()

    def _add_stream(self, run: list[Any]) -> None:
        (key, line, _), text = run[0], "".join(text for _, _, text in run)
        if sum(self._sizes.values()) > UNREAD_BYTES:
            self._missing[key] = self._missing.get(key, 0) + len(text)
            return
        self._add_text(key[1], line, text)

    def _add_text(self, name: str, line: bytes, text: str) -> None:
        content = packed({"name": name, "text": text})
        body = line[:-1] + b',"content":' + content + b',"buffers":[]}'
        if fits(body):
            self._number(body)
        elif len(text) > 1 and len(line) < LINE_BYTES // 2:
            del content, body
            middle = len(text) // 2
            self._add_text(name, line, text[:middle])
            self._add_text(name, line, text[middle:])
        else:
            self._number(instead(json.loads(line), len(body)))

    def _tell_gaps(self) -> None:
        missing, self._missing = self._missing, {}
        for (parent, name), chars in missing.items():
            what = packed({"event": "gap", "name": name, "missing_chars": chars})
            self._number(what[:-1] + b',"parent_header":' + parent + b"}")

    def _number(self, body: bytes) -> None:
        self.n += 1
        self._backlog += b'{"n":%d,' % self.n + body[1:] + b"\n"

    def _store(self) -> None:
        """What can't be written is kept and tried again with what comes next."""
        while self._backlog and self.place is not None:
            piece = bytes(self._backlog[:CHUNK_BYTES])
            piece = piece[: piece.rfind(b"\n") + 1] or piece  # whole lines, where they fit
            try:
                self.place.write(f"out-{self.chunk + 1}", piece)
            except OSError as error:
                self.problem = str(error)[:200]
                return
            self.problem = ""
            self.chunk += 1
            self._sizes[self.chunk] = len(piece)
            if self._whole:
                self._begins[self.chunk] = self._stored + 1
            self._whole = piece.endswith(b"\n")
            self._stored += piece.count(b"\n")
            del self._backlog[: len(piece)]


def fits(body: bytes) -> bool:
    return len(body) + NUMBER_BYTES <= LINE_BYTES


def instead(line: dict[str, Any], size: int) -> bytes:
    """Stands for a message that is too large for a line, and says so."""
    what = {
        "event": "gap",
        "name": str(line["header"]["msg_type"])[:100],
        "missing_chars": size,
        "channel": line["channel"],
        "limit_bytes": LINE_BYTES,
        "parent_header": line["parent_header"],
    }
    if not fits(packed(what)):
        what["parent_header"] = {"msg_id": str(line["parent_header"].get("msg_id"))[:1000]}
    return packed(what)


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
