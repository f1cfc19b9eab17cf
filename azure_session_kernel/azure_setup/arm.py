"""Azure Resource Manager over HTTP: the token goes to its one origin, and is never shown.

Long-running operations are as in Microsoft's "Track asynchronous Azure operations":
``Azure-AsyncOperation``, else ``Location``, else the resource's own ``provisioningState``.
"""

from __future__ import annotations

import json
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ..common.errors import SetupFailed
from ..doctor.management_plane import ARM
from ..pool.credentials import TokenSource
from .waiting import EVERY_S, Clock

_TIMEOUT_S: Final = 60.0
_TOO_MANY: Final = 429
_AGAIN: Final = (408, _TOO_MANY, 500, 502, 503, 504)
_TRIES: Final = 5
_MAX_BYTES: Final = 4 * 1024 * 1024

# httpx logs each URL, and those for uploads and logs hold a signature.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Refused(Exception):
    """ARM answered with an error.

    :ivar codes: ``error.code`` and those of its details, the outermost first.
    :ivar asked: method and path.
    """

    def __init__(self, status: int, codes: tuple[str, ...], message: str, asked: str) -> None:
        super().__init__(f"{status} {' '.join(codes)}")
        self.status = status
        self.codes = codes
        self.message = message
        self.asked = asked


@dataclass(frozen=True)
class Answer:
    """:ivar body: {} where there is none."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    @property
    def operation(self) -> str:
        """Where to ask how far it is; or ""."""
        return self.headers.get("azure-asyncoperation") or (
            self.headers.get("location", "") if self.status == 202 else ""
        )


class Arm:
    """:param origin: another one, which has to be on loopback, for tests."""

    def __init__(self, tokens: TokenSource, clock: Clock, origin: str = ARM) -> None:
        self.clock = clock
        self._tokens = tokens
        self._origin = origin
        # For a test's server, neither a proxy nor the CA store, which takes some 20 ms to read.
        played = origin != ARM
        tls: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if played else True
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=not played, verify=tls)
        self._retry_after_s = EVERY_S

    async def aclose(self) -> None:
        await self._http.aclose()

    def every_s(self) -> float:
        """When the last answer wants to be asked again."""
        return self._retry_after_s

    async def token(self) -> str:
        """:raises CredentialError:"""
        return await self._tokens.token()

    async def get(self, path: str, version: str) -> dict[str, Any] | None:
        """None: there is no such thing. :raises Refused:"""
        try:
            return (await self.ask("GET", path, version)).body
        except Refused as refused:
            if refused.status == 404 and "SubscriptionNotFound" not in refused.codes:
                return None
            raise

    async def values(self, path: str, version: str) -> list[dict[str, Any]]:
        """All pages of a listing. :raises Refused:"""
        page = (await self.ask("GET", path, version)).body
        found = list(page.get("value") or ())
        while isinstance(link := page.get("nextLink"), str) and link:
            page = (await self.follow(link)).body
            found += page.get("value") or ()
        return [one for one in found if isinstance(one, dict)]

    async def ask(self, method: str, path: str, version: str, body: Any = None) -> Answer:
        """:param path: a resource id, maybe with a query. :raises Refused:"""
        join = "&" if "?" in path else "?"
        return await self._send(method, f"{self._origin}{path}{join}api-version={version}", body)

    async def follow(self, link: str) -> Answer:
        """A link that ARM gave. :raises Refused: :raises SetupFailed: it leads elsewhere."""
        if urlsplit(link)[:2] != urlsplit(self._origin)[:2]:
            raise SetupFailed(
                "Azure named an address to go on with that is not its own, so it was not called.",
                cause="Something on the way changes its answers.",
                fix="Try again from another network.",
            )
        return await self._send("GET", link, None)

    async def _send(self, method: str, url: str, body: Any) -> Answer:
        asked = f"{method} {urlsplit(url).path}"
        refreshed = False
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            # Nothing that is posted may be done twice; only 429 says that it was not done.
            unsure = method == "POST"
            try:
                response = await self._once(method, url, body, refresh=refreshed)
            except httpx.TransportError as error:
                if last or unsure:
                    raise _unreachable(asked, error) from None
                await self.clock.sleep(2.0**attempt)
                continue
            self._retry_after_s = _retry_after_s(response)
            if not last and not refreshed and _expired(response):
                refreshed = True
            elif not last and response.status_code in ((_TOO_MANY,) if unsure else _AGAIN):
                await self.clock.sleep(max(self._retry_after_s, 2.0**attempt))
            else:
                return _answer(response, asked)
        raise AssertionError("unreachable")

    async def _once(self, method: str, url: str, body: Any, *, refresh: bool) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self._tokens.token(refresh=refresh)}"}
        return await self._http.request(method, url, json=body, headers=headers)

    async def put_elsewhere(self, url: str, content: bytes) -> None:
        """A blob, by an address that holds its own signature: no token goes along.

        :raises SetupFailed: in whose text the address does not stand.
        """
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        await self._elsewhere("PUT", url, "The image's source was not uploaded", content, headers)

    async def get_elsewhere(self, url: str) -> bytes:
        """Likewise. :raises SetupFailed:"""
        return await self._elsewhere("GET", url, "The build's log could not be read")

    async def _elsewhere(
        self, method: str, url: str, failed: str, content: bytes = b"", headers: Any = None
    ) -> bytes:
        why = ""
        if urlsplit(url).scheme == "https" or self._origin != ARM:
            try:
                response = await self._http.request(method, url, content=content, headers=headers)
                if response.is_success:
                    return response.content[:_MAX_BYTES]
                why = f"{response.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                why = type(error).__name__
        raise SetupFailed(
            f"{failed} ({why or 'its address is not https'}).",
            cause="The network here may block Azure's storage (*.blob.core.windows.net).",
            fix="Run the same command again, or from another network.",
        )


def _answer(response: httpx.Response, asked: str) -> Answer:
    """:raises Refused:"""
    body = _json(response)
    if response.is_success:
        return Answer(response.status_code, body, response.headers)
    codes, message = errors_of(body)
    raise Refused(response.status_code, codes, message, asked)


def errors_of(body: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """Its codes, the outermost first, and the innermost message; of ``{"error": …}`` or without."""
    codes: list[str] = []
    message = ""
    error = body.get("error", body)
    for _ in range(5):
        if not isinstance(error, dict):
            break
        codes += [_clean(error["code"], 80)] if isinstance(error.get("code"), str) else []
        message = _clean(error.get("message"), 500) or message
        details = error.get("details")
        error = details[0] if isinstance(details, list) and details else None
    return tuple(codes), message


def _clean(value: Any, limit: int) -> str:
    text = value if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:limit]


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content[:_MAX_BYTES])
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):  # or a date, which nobody has seen
        return EVERY_S


def _expired(response: httpx.Response) -> bool:
    codes, _ = errors_of(_json(response))
    return response.status_code == 401 and "ExpiredAuthenticationToken" in codes


def _unreachable(asked: str, error: Exception) -> SetupFailed:
    return SetupFailed(
        f"Azure's management plane can't be reached ({asked}: {type(error).__name__}).",
        cause="No network, or a proxy or firewall on the way to management.azure.com.",
        fix="Check the network, and HTTPS_PROXY if you need a proxy; then run the same command "
        "again: what is made already is kept.",
    )
