"""Certificates of the laboratory's fronts.

A TLS-inspecting proxy shows one for the right name, by an authority of its own. One that is trusted
is for 0.0.0.0, which leads to this machine and is no loopback address, so Azure's rules hold there.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from azure_session_kernel.common.private_files import state_dir, write_private
from azure_session_kernel.emulator.front.certificates import Authority

#: What such proxies call themselves; doctor shows it.
ISSUER = "Contoso TLS Inspection CA"


def authority_path() -> Path:
    """Where the authority of the trusted certificate is, for ``SSL_CERT_FILE``."""
    return state_dir() / "laboratory-authority.pem"


def front_context(kind: str) -> ssl.SSLContext:
    """A server's context, made anew each time.

    :param kind: ``unknown`` or ``expired``, whose authority is forgotten, or ``trusted``.
    """
    authority = Authority(ISSUER)
    if kind == "trusted":
        write_private(authority_path(), authority.pem)
    return authority.server_context(days_left=-1 if kind == "expired" else 30)
