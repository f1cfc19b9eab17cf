"""DNS, TCP and TLS to the endpoint's host, by the standard library, without a token."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final
from urllib.parse import urlsplit

from ..causes.evidence import TlsFacts
from ..causes.proxies import proxy_for
from ..common.within import within
from .failures import trouble_of
from .tls import tls_context

#: Who issues the certificates of Azure's own hosts.
AZURES_ISSUERS: Final = ("microsoft", "digicert")


@dataclass
class Connected:
    """:ivar trouble: check -> what went wrong; empty when all went well."""

    addresses: list[str] = field(default_factory=list)
    trouble: dict[str, str] = field(default_factory=dict)
    tls: TlsFacts | None = None
    tcp_s: float = 0.0
    proxy: str = ""


async def connect(url: str, timeout_s: float, authority: str = "") -> Connected:
    """Look the name up, connect, and look at the certificate; each within ``timeout_s``.

    :param authority: see ``Endpoint``.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    found = Connected(proxy=proxy_for(url))
    if found.proxy:  # it looks the name up, and requests will tell
        if not await _answers(found.proxy, timeout_s):
            found.trouble["tcp"] = "proxy"
        return found
    try:
        await within(_lookup(host, port, found), timeout_s)
    except (OSError, asyncio.TimeoutError, TimeoutError):
        found.trouble["dns"] = "dns"
        return found
    try:
        found.tcp_s = await within(_tcp(host, port), timeout_s)
    except (OSError, asyncio.TimeoutError, TimeoutError) as error:
        found.trouble["tcp"] = "refused" if isinstance(error, ConnectionRefusedError) else "timeout"
        return found
    if parts.scheme == "https":
        try:
            await within(_tls(host, port, found, authority), timeout_s)
        except (OSError, asyncio.TimeoutError, TimeoutError) as error:
            found.trouble["tls"] = "tls" if trouble_of(error) != "timeout" else "timeout"
    return found


async def _answers(proxy: str, timeout_s: float) -> bool:
    parts = urlsplit(f"//{proxy}")
    try:
        await within(_tcp(parts.hostname or "", parts.port or 80), timeout_s)
    except (OSError, ValueError, asyncio.TimeoutError, TimeoutError):
        return False
    return True


async def _lookup(host: str, port: int, found: Connected) -> None:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found.addresses = sorted({str(info[4][0]) for info in infos})


async def _tcp(host: str, port: int) -> float:
    begun = time.monotonic()
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return time.monotonic() - begun


async def _tls(host: str, port: int, found: Connected, authority: str) -> None:
    """First as the kernel will do it; when that is refused, unverified, to see who it is."""
    context = await asyncio.to_thread(tls_context, authority)
    detail = ""
    try:
        certificate = await _shown(host, port, context)
    except ssl.SSLCertVerificationError as error:
        detail = error.verify_message
        # Nothing is sent on this connection: only the certificate is looked at.
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        certificate = await _shown(host, port, unverified)
    found.tls = _facts(certificate, detail)


async def _shown(host: str, port: int, context: ssl.SSLContext) -> bytes:
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown or b""
    finally:
        writer.close()


def _facts(certificate: bytes, detail: str) -> TlsFacts:
    from cryptography import x509  # it comes with azure-identity

    parsed = x509.load_der_x509_certificate(certificate)
    issuer = ", ".join(
        str(attribute.value)
        for attribute in parsed.issuer
        if attribute.oid in (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)
    )
    # not_valid_after_utc is new in cryptography 42
    ends = getattr(parsed, "not_valid_after_utc", None)
    ends = ends or parsed.not_valid_after.replace(tzinfo=timezone.utc)
    left = (ends - datetime.now(timezone.utc)).total_seconds() / 86400
    printable = "".join(c for c in issuer if c.isprintable())[:200]
    name_ok = "mismatch" not in detail.lower()
    return TlsFacts(not detail, name_ok, printable, left, detail[:200])
