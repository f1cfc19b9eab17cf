"""Wire protocol: Jupyter messages over HTTP, as pure data. No I/O here.

Theory of operation
-------------------
A kernel and an adapter exchange Jupyter messages. Messages go in by ``POST /jupyter/send`` and come
out of one numbered *log* per boot, read as newline-delimited JSON by ``POST /jupyter/read``.
``docs/protocol.md`` describes the calls; this package holds what both ends must agree on:

1. A *message* is a Jupyter message (header, parent_header, metadata, content, buffers) plus the
   channel it travels on. Buffers are base64 in JSON and bytes in memory.
2. A *log line* is one JSON object on one line: a numbered message, a numbered event
   (``ended``, ``gap``), or an unnumbered remark (``keepalive``, ``end_of_read``, ``superseded``).
3. Lines end with ``\\n`` and with nothing else. U+2028, U+2029 and U+0085 are ordinary characters,
   and JSON here is ASCII-escaped only where JSON itself demands it. No line is larger than
   ``MAX_LINE_BYTES``: an event stands in place of a message that would be. A line whose JSON would
   take more than ``MAX_DECODED_BYTES`` besides its text, or is nested deeper than ``MAX_DEPTH``, is
   not decoded: a reader knows its message by the headers, which come before metadata and content.
4. Numbers start at 1 in each boot and have no holes. A reader that has seen N asks for ``after=N``,
   which also tells the adapter that it may forget everything up to N. A numbered line begins with
   its number.
5. Between ends that both know how (``frames.py``), a message is a line with its headers, and behind
   it the bytes of its other parts, buffers too. One splitter reads both forms.
6. Whatever comes from the other end is untrusted: each decoder checks types and sizes and raises
   ``WireError`` and nothing else.
"""

from __future__ import annotations

from .after import ABORTS_WAITING, AFTER, PIPELINING, After, after_of
from .frames import FRAMES, entries, without_first
from .hello import (
    ARGUMENT,
    FOLDER,
    MAX_ARGUMENTS,
    MAX_ARGUMENTS_CHARS,
    MAX_VARIABLES,
    MAX_VARIABLES_CHARS,
    VARIABLE,
    Hello,
    hello_from_json,
)
from .json_text import BeyondDecoder, WireError, dump, load
from .limits import (
    JUPYTER_PROTOCOL,
    KEEPALIVE_S,
    MAX_ASSEMBLED_BYTES,
    MAX_BODY_BYTES,
    MAX_DECODED_BYTES,
    MAX_DEPTH,
    MAX_LINE_BYTES,
    MAX_READ_S,
    PART_BYTES,
    PROTOCOL_VERSION,
)
from .line_splitter import LineSplitter, LineTooLong
from .log_lines import (
    BootEnded,
    EndOfRead,
    Gap,
    KeepAlive,
    LogLine,
    LogMessage,
    Oversized,
    Superseded,
    as_lines,
    decode_line,
    encode_framed,
    encode_line,
)
from .messages import (
    CHANNELS,
    RECEIVABLE,
    SENDABLE,
    Message,
    message_as_json,
    message_from_json,
    receivable,
)
from .parts import BEHIND, PartAssembler, body_with, load_body, split_body
from .words import (
    INTERRUPT_OUTCOMES,
    REACTIONS,
    RESTART_REASONS,
    EndReason,
    InterruptOutcome,
    Reaction,
    RestartReason,
    word,
)

__all__ = [
    "ABORTS_WAITING",
    "AFTER",
    "ARGUMENT",
    "BEHIND",
    "CHANNELS",
    "FOLDER",
    "FRAMES",
    "INTERRUPT_OUTCOMES",
    "JUPYTER_PROTOCOL",
    "KEEPALIVE_S",
    "MAX_ARGUMENTS",
    "MAX_ARGUMENTS_CHARS",
    "MAX_ASSEMBLED_BYTES",
    "MAX_BODY_BYTES",
    "MAX_DECODED_BYTES",
    "MAX_DEPTH",
    "MAX_LINE_BYTES",
    "MAX_READ_S",
    "MAX_VARIABLES",
    "MAX_VARIABLES_CHARS",
    "PART_BYTES",
    "PIPELINING",
    "PROTOCOL_VERSION",
    "REACTIONS",
    "RECEIVABLE",
    "RESTART_REASONS",
    "SENDABLE",
    "VARIABLE",
    "After",
    "BeyondDecoder",
    "BootEnded",
    "EndOfRead",
    "EndReason",
    "Gap",
    "Hello",
    "InterruptOutcome",
    "KeepAlive",
    "LineSplitter",
    "LineTooLong",
    "LogLine",
    "LogMessage",
    "Message",
    "Oversized",
    "PartAssembler",
    "Reaction",
    "RestartReason",
    "Superseded",
    "WireError",
    "after_of",
    "as_lines",
    "body_with",
    "decode_line",
    "dump",
    "encode_framed",
    "encode_line",
    "entries",
    "hello_from_json",
    "load",
    "load_body",
    "message_as_json",
    "message_from_json",
    "receivable",
    "split_body",
    "without_first",
    "word",
]
