"""What one execution gave, as Azure's built-in interpreter reports it (docs/azure.md 6.4 to 6.6).

Jupyter messages go in; ``stdout``, ``stderr`` and ``executionResult`` come out.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

#: More of a stream is not kept, whatever the request says.
MAX_STREAM_BYTES: Final = 1024 * 1024
#: An image, or the text of a result, beyond this is left out.
_MAX_RESULT_CHARS: Final = 32 * 1024 * 1024

#: KOR-LAB's texts (docs/azure.md 4.1).
TIMED_OUT: Final = "Request timed out waiting for code execution to complete"
ABORTED: Final = "Execution aborted"

_BARE: Final = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Outputs:
    """The outputs of one execution, collected as its messages come."""

    def __init__(self) -> None:
        self._streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
        # One more, so that a cut shows.
        self._room = dict.fromkeys(self._streams, MAX_STREAM_BYTES + 1)
        self._result: Any = ""
        #: A result that is JSON; as text, which decoded can be many times its size.
        self._encoded_result = ""
        #: The content of the ``error`` message, if the code raised.
        self.error: Mapping[str, Any] | None = None

    @property
    def result(self) -> Any:
        """The JSON value of 6.4; nothing when there is none."""
        return json.loads(self._encoded_result) if self._encoded_result else self._result

    @property
    def size(self) -> int:
        """Of what is kept, in characters."""
        texts = [text for stream in self._streams.values() for text in stream]
        image = self._result["base64_data"] if isinstance(self._result, dict) else ""
        result = self._result if isinstance(self._result, str) else image
        return sum(map(len, (*texts, result, self._encoded_result, self.traceback())))

    def take(self, msg_type: str, content: Mapping[str, Any]) -> None:
        """One message of this execution."""
        match msg_type:
            case "stream":
                self.write(str(content.get("name")), str(content.get("text")))
            case "execute_result":
                self._take_result(content.get("data") or {})
            case "display_data":
                self._take_image(content.get("data") or {})
            case "error":
                self.error = content
            case _:
                pass

    def write(self, name: str, text: str) -> None:
        """Text on a stream; only the head is ever shown, so only that is kept."""
        if name in self._streams and self._room[name] > 0:
            self._streams[name].append(text[: self._room[name]])
            self._room[name] -= len(text)

    def stream(self, name: str, limit_bytes: int) -> str:
        return cut("".join(self._streams[name]), min(limit_bytes, MAX_STREAM_BYTES))

    def stderr(self, limit_bytes: int) -> str:
        """The stream, and the traceback of an exception below it, as KOR-LAB saw it."""
        said = self.stream("stderr", limit_bytes)
        return f"{said}{self.traceback()}"

    def traceback(self) -> str:
        if self.error is None:
            return ""
        lines = self.error.get("traceback") or [
            f"{self.error.get('ename')}: {self.error.get('evalue')}"
        ]
        return "\n".join(map(str, lines))

    def _take_result(self, data: Mapping[str, Any]) -> None:
        """A result of type ``text/officepy`` is JSON, used as it is (docs/azure.md 6.4 rule 1)."""
        encoded = data.get("text/officepy")
        if isinstance(encoded, str) and len(encoded) <= _MAX_RESULT_CHARS and _is_json(encoded):
            self._result, self._encoded_result = "", encoded
            return
        self._set_result(json_value(str(data.get("text/plain", ""))))

    def _take_image(self, data: Mapping[str, Any]) -> None:
        """Only PNG; the last one takes the place of the result (docs/azure.md 6.4 rule 5)."""
        image = data.get("image/png")
        if isinstance(image, str) and len(image) <= _MAX_RESULT_CHARS:
            encoded = image.replace("\n", "")
            self._set_result({"type": "image", "format": "png", "base64_data": encoded})

    def _set_result(self, value: Any) -> None:
        self._result, self._encoded_result = value, ""


def _is_json(text: str) -> bool:
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(text)
        return True
    return False


def cut(text: str, limit_bytes: int) -> str:
    """The head, and dots: a limit of 1,024 leaves 1,023 bytes (docs/azure.md 6.5)."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit_bytes:
        return data.decode()
    return data[: max(0, limit_bytes - 4)].decode("utf-8", "ignore") + "..."


def json_value(text: str) -> Any:
    """The value that Azure makes of a result's ``text/plain`` (docs/azure.md 6.4 rule 2)."""
    if text in ("True", "False"):
        return text == "True"
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if _NUMBER.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return _unquoted(text)
    return text if len(text) <= _MAX_RESULT_CHARS else ""


def ends_in_none(code: str) -> bool:
    """Whether code without a result ends in a bare value, which then was ``None``.

    The specification's example has null for ``a = None;a``, and "" for ``print(7*9)``.
    """
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False  # magics, or no code at all
    last = body[-1] if body else None
    bare = isinstance(last, ast.Expr) and isinstance(last.value, _BARE)
    return bare and not code.rstrip().endswith(";")


def _unquoted(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError):
        return text[1:-1]
    return value if isinstance(value, str) else text[1:-1]
