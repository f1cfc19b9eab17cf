"""A reply in one line: what was asked, what came, who gave it, and how it begins."""

from __future__ import annotations

from typing import Final

from ...causes.evidence import ADAPTER, CONTAINER, FRONT, NOBODY, Reply

_WHO: Final = {
    ADAPTER: "the adapter",
    CONTAINER: "the container",
    FRONT: "the pool's front",
    NOBODY: "nobody",
}
#: Headers by which programs name themselves.
_NAMES: Final = ("server", "x-powered-by")
_SHOWN_CHARS: Final = 80


def in_a_line(reply: Reply) -> str:
    got = str(reply.status) if reply.status is not None else reply.trouble or "no answer"
    by = _WHO.get(reply.who, "not told by whom")
    speaks = f" ({reply.dialect})" if reply.dialect else ""
    line = f"{reply.method} {reply.path}: {got}, {by}{speaks}"
    named = [f"{name}: {reply.headers[name][:40]}" for name in _NAMES if reply.headers.get(name)]
    line += f" [{', '.join(named)}]" if named else ""
    began = " ".join(reply.body.split())
    if not began:
        return line
    return f"{line}: {began[:_SHOWN_CHARS]}{'…' if len(began) > _SHOWN_CHARS else ''}"
