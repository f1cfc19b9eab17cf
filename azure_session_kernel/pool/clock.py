"""The pool's own clock, as the Date header of its answers tells it.

Times that a pool tells are compared with that and never with this machine's clock, which may be
minutes off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any


def moment(text: str) -> datetime | None:
    """An HTTP date (RFC 9110, 5.6.7); None for what is none."""
    from email.utils import parsedate_to_datetime  # most kernels are told no time

    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def rfc3339(value: object) -> datetime | None:
    """With any number of decimals, which don't count; None for what is none."""
    if not isinstance(value, str) or len(value) < 19:
        return None
    try:
        return datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def expiry(record: Mapping[str, Any]) -> datetime | None:
    """When a session ends if no further request comes.

    :param record: as ``PoolClient.get_session`` gives it.
    """
    return rfc3339(record.get("expiresAt")) or rfc3339(record.get("expireAt"))


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When the answer was given. :param headers: as ``answer_failure`` takes them."""
    return moment(headers.get("date", ""))
