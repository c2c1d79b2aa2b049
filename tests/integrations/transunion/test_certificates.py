"""Local certificates: made once, renewed in time, kept private."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from integrations.tls import mutual_tls_context
from integrations.transunion.certificates import CertificateFiles, ensure_certificates


def contents(files: CertificateFiles) -> list[bytes]:
    return [
        path.read_bytes()
        for path in (
            files.ca_certificate,
            files.server_certificate,
            files.server_key,
            files.client_certificate,
            files.client_key,
        )
    ]


def test_what_is_good_is_kept(folder: Path) -> None:
    """A second call changes nothing."""
    first = contents(ensure_certificates(folder))
    assert contents(ensure_certificates(folder)) == first


def test_they_hold_for_a_year_and_for_loopback(folder: Path) -> None:
    """Server: localhost and both loopback addresses; each certificate for its own use alone."""
    files = ensure_certificates(folder)
    server = x509.load_pem_x509_certificate(files.server_certificate.read_bytes())
    client = x509.load_pem_x509_certificate(files.client_certificate.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    usages = [
        list(c.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for c in (server, client)
    ]
    assert usages == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]
    left = server.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=364) < left <= timedelta(days=365)


def test_keys_are_their_owners_alone(folder: Path) -> None:
    """Keys are 0600 in a folder of 0700, and the authority's key is nowhere."""
    files = ensure_certificates(folder)
    for key in (files.server_key, files.client_key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) == 5


def test_they_are_renewed_before_they_expire(folder: Path) -> None:
    """A week before their end they are made anew, earlier they are not."""
    first = contents(ensure_certificates(folder))
    later = datetime.now(UTC) + timedelta(days=350)
    assert contents(ensure_certificates(folder, now=lambda: later)) == first
    end = datetime.now(UTC) + timedelta(days=360)
    renewed = contents(ensure_certificates(folder, now=lambda: end))
    assert not set(renewed) & set(first)


@pytest.mark.parametrize("harm", ["missing", "truncated", "swapped", "readable", "foreign"])
def test_what_does_not_fit_is_made_anew(folder: Path, tmp_path: Path, harm: str) -> None:
    """A set that is incomplete, damaged, mixed up or open to others is replaced as a whole."""
    files = ensure_certificates(folder)
    first = contents(files)
    match harm:
        case "missing":
            files.client_key.unlink()
        case "truncated":
            files.server_certificate.write_bytes(files.server_certificate.read_bytes()[:100])
        case "swapped":
            files.client_key.write_bytes(files.server_key.read_bytes())
        case "readable":
            files.server_key.chmod(0o644)
        case _:
            other = ensure_certificates(tmp_path / "other")
            files.ca_certificate.write_bytes(other.ca_certificate.read_bytes())
    made = ensure_certificates(folder)
    assert not set(contents(made)) & set(first)
    mutual_tls_context(
        certificate_file=made.client_certificate,
        key_file=made.client_key,
        ca_file=made.ca_certificate,
    )
