"""HTTPS on this machine: an authority of the home folder's own, for who needs it to trust.

Some clients speak TLS or not at all: Amplify turns every realtime address into `wss://`. Whoever
trusts the authority trusts it for loopback alone (a critical name constraint), and its key is gone
as soon as the certificate of the gateway is signed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from domain.errors import NotFound
from gateway.workspace import TLS_FOLDER
from integrations.certificates import THIS_MACHINE, Authority, Subject

AUTHORITY_NAME = "Almoner on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTls:
    """Where the files are, PEM all of them."""

    authority: Path
    certificate: Path
    key_file: Path

    @classmethod
    def within(cls, home: Path) -> "LocalTls":
        """Return where they are in a home folder."""
        folder = home / TLS_FOLDER
        return cls(
            authority=folder / "ca.pem",
            certificate=folder / "localhost.pem",
            key_file=folder / "localhost.key",
        )

    def ensure(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
        """Make them where they are not there or cannot be used any more; say whether it was."""
        gateway = Subject(
            name="localhost",
            alternative_names=THIS_MACHINE,
            certificate=self.certificate,
            key_file=self.key_file,
            is_server=True,
        )
        authority = Authority(
            name=AUTHORITY_NAME, certificate=self.authority, subjects=[gateway], bounded=True
        )
        return authority.ensure(now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What whoever is to trust an authority is told. fingerprint: SHA-256, as browsers show it."""

    file: Path
    fingerprint: str
    until: datetime


def trusted(home: Path) -> Trusted:
    """Return what there is to trust in a home folder; raises NotFound where there is nothing."""
    file = LocalTls.within(home).authority
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise NotFound(
            f"There is no authority in {home}: `almoner dev` makes one when it starts."
        ) from error
    return Trusted(
        file=file.absolute(),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        until=certificate.not_valid_after_utc,
    )
