"""Certificates of the laboratory's fronts. ``cryptography`` comes with azure-identity.

A TLS-inspecting proxy shows one for the right name, by an authority of its own. One that is trusted
is for 0.0.0.0, which leads to this machine and is no loopback address, so Azure's rules hold there.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ...private_files import state_dir, write_private

#: What such proxies call themselves; doctor shows it.
ISSUER = "Contoso TLS Inspection CA"
_DAY = datetime.timedelta(days=1)


def authority_path() -> Path:
    """Where the authority of the trusted certificate is, for ``SSL_CERT_FILE``."""
    return state_dir() / "laboratory-authority.pem"


def front_context(kind: str) -> ssl.SSLContext:
    """A server's context, made anew each time.

    :param kind: ``unknown`` or ``expired``, whose authority is forgotten, or ``trusted``.
    """
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    if kind == "trusted":
        authority = _builder(ISSUER, ISSUER, authority_key, days_left=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        pem = authority.sign(authority_key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        )
        write_private(authority_path(), pem)
    certificate = (
        _builder(ISSUER, "127.0.0.1", key, days_left=-1 if kind == "expired" else 30)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="laboratory-") as directory:
        path = Path(directory) / "front.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


def _names() -> list[x509.GeneralName]:
    addresses = ("127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  # nothing is bound
    return [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]


def _builder(
    issuer: str, subject: str, key: ec.EllipticCurvePrivateKey, days_left: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * _DAY)
        .not_valid_after(now + days_left * _DAY)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
