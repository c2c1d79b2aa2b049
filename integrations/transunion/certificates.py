"""Makes what mutual TLS with the simulator needs: an authority, a server and a client.

For loopback alone. The authority's key is thrown away once both certificates are signed, so that
nothing on disk can make more of them; when anything is missing, expired or does not fit together,
everything is made anew. Keys are readable by their owner alone.
"""

import ipaddress
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=365)
RENEW_BEFORE = timedelta(days=7)
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where the files are, PEM all of them."""

    ca_certificate: Path
    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path


def ensure_certificates(
    folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> CertificateFiles:
    """Return the folder's files, made where they are not there or cannot be used any more."""
    files = CertificateFiles(
        ca_certificate=folder / "ca.pem",
        server_certificate=folder / "server.pem",
        server_key=folder / "server.key",
        client_certificate=folder / "client.pem",
        client_key=folder / "client.key",
    )
    if not _usable(files, now()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files, now())
    return files


def _usable(files: CertificateFiles, now: datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(files.ca_certificate.read_bytes())
        for certificate_file, key_file in (
            (files.server_certificate, files.server_key),
            (files.client_certificate, files.client_key),
        ):
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            certificate.verify_directly_issued_by(authority)
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            if key.public_key() != certificate.public_key():
                return False
            if key_file.stat().st_mode & 0o077:
                return False
            if not _holds(certificate, now):
                return False
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return _holds(authority, now)


def _holds(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _make(files: CertificateFiles, now: datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    local = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )
    client = x509.SubjectAlternativeName([x509.DNSName("almoner.client.invalid")])
    _write(files.ca_certificate, authority.public_bytes(serialization.Encoding.PEM))
    for certificate_file, key_file, name, names, usage in (
        (
            files.server_certificate,
            files.server_key,
            "TransUnion simulator",
            local,
            ExtendedKeyUsageOID.SERVER_AUTH,
        ),
        (
            files.client_certificate,
            files.client_key,
            "Almoner",
            client,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        ),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, authority.subject, key, now)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
            .sign(authority_key, hashes.SHA256())
        )
        _write(key_file, _key_bytes(key))
        _write(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Almoner local authority")])
    return (
        _builder("Almoner local authority", name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner alone from the first byte."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
