"""The certificate of a pool that serves https. ``cryptography`` comes with azure-identity."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ...common.private_files import write_private
from ...pool.local_record import LocalPool, authority_path
from .surface import Surface

_NAME: Final = "azure-session-kernel local pool"
_DAY: Final = datetime.timedelta(days=1)
_PEM: Final = serialization.Encoding.PEM


class Authority:
    """A certificate authority, made anew; its key is in this process's memory only.

    :ivar pem: its certificate, for clients.
    """

    def __init__(self, name: str) -> None:
        self._name, self._key = name, ec.generate_private_key(ec.SECP256R1())
        ca = x509.BasicConstraints(ca=True, path_length=0)
        # Python 3.13 wants the usage, and each certificate to name both keys.
        signed = (
            self._builder(name, self._key, days_left=365)
            .add_extension(ca, critical=True)
            .add_extension(_usage(sign=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = signed.public_bytes(_PEM)

    def server_context(self, days_left: int = 365) -> ssl.SSLContext:
        """With a certificate for this machine's own addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            self._builder("127.0.0.1", key, days_left)
            .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
            .add_extension(_usage(sign=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="certificate-") as directory:  # mode 0700
            path = Path(directory) / "front.pem"
            path.write_bytes(signed.public_bytes(_PEM) + secret)
            context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: str, key: ec.EllipticCurvePrivateKey, days_left: int
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        of = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * _DAY)
            .not_valid_after(now + days_left * _DAY)
            .add_extension(of, critical=False)
            .add_extension(by, critical=False)
        )


@contextlib.contextmanager
def https() -> Iterator[Surface]:
    """The surface of a pool with a certificate of its own, whose authority clients find in a file.

    The file is the pool's own, as another's clients may read theirs at any time. It is written when
    the pool is first recorded, which raises ``StateUnusable`` when it can't be.
    """
    authority = Authority(_NAME)
    written: set[Path] = set()

    def recorded(pool: LocalPool) -> LocalPool:
        path = authority_path(pool)
        if path not in written:
            write_private(path, authority.pem)
            written.add(path)
        return replace(pool, authority=str(path))

    try:
        yield Surface(tls=authority.server_context(), record=recorded)
    finally:
        for path in written:
            with contextlib.suppress(OSError):
                if path.read_bytes() == authority.pem:  # and not of one that was started since
                    path.unlink()


def _names() -> list[x509.GeneralName]:
    addresses = ("127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  # nothing is bound
    return [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
