"""The bearer token that every call to the local pool must carry."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from starlette.types import Scope


class FrontToken:
    """Drawn at the start; ``replace`` draws a new one.

    :param announce: told each new token, before it is asked for.
    """

    def __init__(
        self, value: str | None = None, announce: Callable[[str], object] = lambda _: None
    ) -> None:
        self.value = value or secrets.token_urlsafe(32)
        self._announce = announce

    def replace(self) -> None:
        token = secrets.token_urlsafe(32)
        self._announce(token)
        self.value = token

    def allows(self, scope: Scope) -> bool:
        value = next((v for name, v in scope["headers"] if name == b"authorization"), b"")
        scheme, _, given = value.partition(b" ")
        expected = self.value.encode("ascii")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), expected)
