"""Identifiers stay out of logs: httpx writes every URL, query included, at INFO."""

from __future__ import annotations

import logging
import re
from typing import Final

_LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
    "httpcore.socks",
)
_SECRETS: Final = re.compile(r"(identifier=)[^&\s\"']+|(Bearer )[\w\-.~+/=]+", re.IGNORECASE)


class _Redact(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = _SECRETS.sub(lambda m: f"{m.group(1) or m.group(2)}…", message)
        if clean != message:
            record.msg, record.args = clean, ()
        return True


_FILTER: Final = _Redact()


def keep_identifiers_out_of_logs() -> None:
    """Cut identifiers and tokens out of what the HTTP libraries log. Safe to call again."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
