"""The api-versions of Azure's data plane, and what differs between them (docs/azure.md 1 and 2)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: ``code/execute``, ``files/upload``, ``files/content/{name}``; bodies wrapped in ``properties``.
WRAPPED: Final = ("2024-02-02-preview", "2024-08-02-preview")
#: ``executions`` and ``files/{name}/content``; flat bodies.
FLAT: Final = ("2024-10-02-preview", "2025-02-02-preview", "2025-10-02-preview")
API_VERSIONS: Final = (*WRAPPED, *FLAT)
#: Where the specification has ``/session``, ``/listSessions`` and ``/metadata``.
WITH_SESSIONS: Final = ("2025-02-02-preview", "2025-10-02-preview")

#: A synchronous execution is answered with 202 although it is over (recorded).
ACCEPTED: Final = "2024-10-02-preview"
#: Its files have a ``directory``; a bare ``None`` is null; identifiers have 4 to 128 characters.
LATEST: Final = "2025-10-02-preview"


def version_of(query: Mapping[str, str], generation: tuple[str, ...]) -> str:
    """The query's api-version; a pool may not pass it on: then the newest that fits."""
    version = query.get("api-version", "")
    return version if version in generation else generation[-1]


def with_ids(version: str, value: dict[str, Any]) -> dict[str, Any]:
    """``value`` with the ``$id`` of .NET in each object, where they were recorded: in 2024."""
    if not version.startswith("2024-"):
        return value
    numbered: dict[str, Any] = _numbered(value, itertools.count(1))
    return numbered


def _numbered(value: Any, numbers: Iterator[int]) -> Any:
    """What the user's code made (an image, say) is no object of .NET."""
    if isinstance(value, list):
        return [_numbered(item, numbers) for item in value]
    if not isinstance(value, dict) or "base64_data" in value:
        return value
    number = {"$id": str(next(numbers))}
    return {**number, **{key: _numbered(item, numbers) for key, item in value.items()}}
