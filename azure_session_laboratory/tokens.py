"""Tokens that look like Entra's and are worth nothing: unsigned, with claims that can be read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any


def unsigned_token(claims: Mapping[str, Any]) -> str:
    """A JWT with ``alg: none`` (RFC 7519, 6.1), and a third part as readers expect one."""
    parts = [_part({"typ": "JWT", "alg": "none"}), _part(claims), "unsigned"]
    return ".".join(parts)


def _part(value: Mapping[str, Any]) -> str:
    data = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
