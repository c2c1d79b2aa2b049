"""Makes certificates for this machine: an authority whose key is thrown away, and what it signed.

Once all is signed nothing on disk can make more of them. When anything is missing, about to expire
or does not fit together, everything is made anew. Keys are readable by their owner alone.
"""

import ipaddress
import os
import tempfile
from collections.abc import Callable, Sequence
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

THIS_MACHINE: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
"""The names that a server has here."""
_LOOPBACK: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),  # and what ends in .localhost
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who gets a certificate: what they are called, where the files are to be, and their use."""

    name: str
    alternative_names: Sequence[x509.GeneralName]
    certificate: Path
    key_file: Path
    is_server: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An authority: what it is called, where its certificate is to be, and whom it signs for.

    bounded: a critical constraint keeps it to the names of loopback, so that whoever trusts it
    trusts it for this machine and nothing else.
    """

    name: str
    certificate: Path
    subjects: Sequence[Subject]
    bounded: bool = False

    def ensure(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
        """Make everything where it is not there or cannot be used any more; say whether it was."""
        if self._is_usable(now()):
            return False
        self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make(now())
        return True

    def _is_usable(self, now: datetime) -> bool:
        try:
            own = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            if _is_bounded(own) != self.bounded or not _holds(own, now):
                return False
            return all(_is_good(subject, own, now) for subject in self.subjects)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False

    def _make(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = (
            _builder(issuer, issuer, key, now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        if self.bounded:
            constraints = x509.NameConstraints(permitted_subtrees=_LOOPBACK, excluded_subtrees=None)
            builder = builder.add_extension(constraints, critical=True)
        own = builder.sign(key, hashes.SHA256())
        _write(self.certificate, own.public_bytes(serialization.Encoding.PEM))
        for subject in self.subjects:
            _sign(subject, issuer, key, now)


def _is_good(subject: Subject, authority: x509.Certificate, now: datetime) -> bool:
    certificate = x509.load_pem_x509_certificate(subject.certificate.read_bytes())
    certificate.verify_directly_issued_by(authority)
    key = serialization.load_pem_private_key(subject.key_file.read_bytes(), password=None)
    is_private = not subject.key_file.stat().st_mode & 0o077
    return key.public_key() == certificate.public_key() and is_private and _holds(certificate, now)


def _is_bounded(certificate: x509.Certificate) -> bool:
    try:
        certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    return True


def _holds(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _sign(
    subject: Subject, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey, now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])
    use = ExtendedKeyUsageOID.SERVER_AUTH if subject.is_server else ExtendedKeyUsageOID.CLIENT_AUTH
    certificate = (
        _builder(name, issuer, key, now)
        .add_extension(x509.SubjectAlternativeName(subject.alternative_names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    _write(subject.key_file, _key_bytes(key))
    _write(subject.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
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
