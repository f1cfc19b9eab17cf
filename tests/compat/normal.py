"""Makes what two kernels sent comparable: ids, times, paths, ports and addresses become names.

The same thing gets the same name wherever it stands, so that a comm's messages must still agree
on the comm they belong to.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:_\d+)*|\b[0-9a-f]{32}\b"
    r"|[0-9a-f]{8}-[0-9a-f]{24}(?:_\d+)*|(?<=IPY_MODEL_)[0-9a-f]{32}"
)
_CHANCE = (
    (re.compile(r"0x[0-9a-f]{6,}"), "<address>"),
    (re.compile(r"~?(?:/[\w.-]+)+/lib/python3"), "<lib>/python3"),
    (re.compile(r"(?<![^\s'\"])[^\s'\"]*/ipykernel_\d+/"), "<cells>/"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
)
#: Numbers that a debugger draws, and what they are numbers of.
_DRAWN = {
    "threadId": "thread",
    "id": "frame",
    "frameId": "frame",
    "variablesReference": "variables",
    "seq": "message",
    "request_seq": "request",
}
#: Values that are never the same twice.
_UNLIKE = frozenset({"pid", "systemProcessId", "started", "engine", "hostname"})


class Normal:
    """One observation's names."""

    def __init__(self) -> None:
        self._names: dict[str, dict[object, str]] = {}

    def __call__(self, value: Any, key: str = "") -> Any:
        if key in _UNLIKE:
            return f"<{key}>"
        match value:
            case dict():
                return {self._text(k): self(v, k) for k, v in value.items()}
            case list() | tuple():
                return [self(item, key) for item in value]
            case str():
                return self._text(value)
            case datetime():
                return "<time>"
            case bool() | 0:
                return value
            case int() if key in _DRAWN:
                return self._name(_DRAWN[key], value)
            case _:
                return value

    def _text(self, text: str) -> str:
        text = _ID.sub(lambda found: self._name("id", found[0]), text)
        for pattern, name in _CHANCE:
            text = pattern.sub(name, text)
        return text

    def _name(self, kind: str, value: object) -> str:
        names = self._names.setdefault(kind, {})
        return names.setdefault(value, f"<{kind} {len(names) + 1}>")
