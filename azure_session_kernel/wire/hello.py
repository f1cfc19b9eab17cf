"""``POST /jupyter/hello``: what an adapter says of itself, and what it may be told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from .json_text import WireError, object_at, short_text
from .limits import MAX_BODY_BYTES, MAX_READ_S

#: Environment variables that a hello may carry.
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
MAX_VARIABLES: Final = 200
MAX_VARIABLES_CHARS: Final = 128 * 1024
#: Arguments of a command line that a hello may carry.
ARGUMENT: Final = re.compile(r"--[A-Z]\w{0,99}\.\w{1,100}=[^\0]*", re.DOTALL)
MAX_ARGUMENTS: Final = 200
MAX_ARGUMENTS_CHARS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Hello:
    """What an adapter says of itself and of its running boot."""

    protocol: int
    adapter: str
    boot: str
    state: str
    execution_count: int
    next: int
    info: dict[str, Any]
    features: tuple[str, ...]
    running: tuple[str, ...]
    first: int = 1

    def as_json(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "adapter": self.adapter,
            "boot": self.boot,
            "state": self.state,
            "execution_count": self.execution_count,
            "next": self.next,
            "first": self.first,
            "info": self.info,
            "features": list(self.features),
            "running": list(self.running),
            "limits": {"body_bytes": MAX_BODY_BYTES, "read_s": MAX_READ_S},
        }


def hello_from_json(value: Any) -> Hello:
    """:raises WireError: when the answer is not an adapter's hello."""
    if not isinstance(value, dict) or not isinstance(value.get("boot"), str):
        raise WireError("not an adapter's hello")
    value.setdefault("first", value.get("next"))
    numbers = {key: value.get(key) for key in ("protocol", "execution_count", "next", "first")}
    for key, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise WireError(f"hello needs the number {key}")
    return Hello(
        protocol=value["protocol"],
        adapter=short_text(value, "adapter", 100),
        boot=value["boot"][:100],
        state=short_text(value, "state", 40),
        execution_count=value["execution_count"],
        next=value["next"],
        info=object_at(value, "info"),
        features=_texts(value.get("features", [])),
        running=_texts(value.get("running", [])),
        first=value["first"],
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item[:200] for item in value[:1000] if isinstance(item, str))
