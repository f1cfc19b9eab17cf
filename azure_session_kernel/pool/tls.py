"""Which certificate authorities a client of a pool trusts."""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Any


def tls_context(authority: str) -> ssl.SSLContext:
    """What a client trusts; blocks. :param authority: see ``Endpoint``.

    :raises OSError: what the environment names can't be read.
    """
    if not authority:
        file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        if folder and not file:
            return ssl.create_default_context(capath=folder)
        import certifi  # a local pool needs none

        return ssl.create_default_context(cafile=file or certifi.where())
    context = _OneAuthority(ssl.PROTOCOL_TLS_CLIENT)
    context.file = authority
    return context


class _OneAuthority(ssl.SSLContext):
    """Reads its file for each connection: a pool that was started again has another authority."""

    file: str

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        with contextlib.suppress(OSError):  # then the connection is refused
            self.load_verify_locations(self.file)
        return super().wrap_bio(*args, **options)
