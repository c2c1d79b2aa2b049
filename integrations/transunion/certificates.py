"""What mutual TLS with the simulator needs: an authority, a server and a client, for loopback."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from integrations.certificates import THIS_MACHINE, Authority, Subject


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
    server = Subject(
        name="TransUnion simulator",
        alternative_names=THIS_MACHINE,
        certificate=files.server_certificate,
        key_file=files.server_key,
        is_server=True,
    )
    client = Subject(
        name="Almoner",
        alternative_names=[x509.DNSName("almoner.client.invalid")],
        certificate=files.client_certificate,
        key_file=files.client_key,
        is_server=False,
    )
    authority = Authority(
        name="Almoner local authority",
        certificate=files.ca_certificate,
        subjects=[server, client],
    )
    authority.ensure(now=now)
    return files
