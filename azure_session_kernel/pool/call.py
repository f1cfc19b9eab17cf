"""One request to a pool, as its errors speak of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from .endpoints import Endpoint


def redact(identifier: str) -> str:
    """Enough of an identifier to tell sessions apart, too little to use: ``ask-abcd…``."""
    shown = 8 if len(identifier) >= 24 else 2
    return f"{identifier[:shown]}…"


@dataclass(frozen=True)
class Call:
    """The request an error is about. ``path`` is as the caller gave it, without the query."""

    endpoint: Endpoint
    method: str
    path: str
    identifier: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def clean(self, text: str, limit: int) -> str:
        """``text`` without control characters, the token or the full identifier, bounded."""
        cut = len(text) > limit * 8
        text = text[: limit * 8]
        for secret, shown in (
            (self.token, "(token)"),
            (self.identifier, redact(self.identifier)),
            (quote(self.identifier, safe=""), redact(self.identifier)),
        ):
            if secret:
                text = text.replace(secret, shown)
        if cut:  # what was cut off may have begun a secret
            text = text[: -max(len(self.token), 3 * len(self.identifier), 1)]
        printable = (c if c.isprintable() or c == "\n" else " " for c in text)
        return "".join(printable)[:limit]
