"""A request's JSON object."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request


class NotAnObject(Exception):
    """The body is not a JSON object."""


async def read_object(request: Request) -> dict[str, Any]:
    """:raises NotAnObject:"""
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise NotAnObject("Unexpected token in JSON") from None
    if not isinstance(value, dict):
        raise NotAnObject("not an object")
    return value
