"""What `almoner doctor` says of the age of keys, secrets and certificates."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.cli.findings import Finding, fine
from gateway.secret_ages import AGE_DAYS_MAX, Aged, read_certificate

CERTIFICATE_DAYS_MIN = 30
_REMEDIES = {
    "data_key": 'almoner key-rotation start {agency} --reason "…"',
    "api_key": "almoner key create {agency} for its owner, then: almoner key revoke",
    "vendor_secret": "renew it with the vendor, and put the new one where the setting refers to",
}
_WORDS = {"data_key": "data key", "api_key": "API key", "vendor_secret": "secret"}


def of_ages(aged: Sequence[Aged], at: datetime) -> Iterator[Finding]:
    """Warn of every key and secret that is older than 90 days; certificates have an end instead."""
    old = [item for item in aged if item.kind in _REMEDIES and item.days(at) > AGE_DAYS_MAX]
    for item in old:
        yield Finding(
            check=f"{item.agency}: age" if item.agency else "age",
            state="warn",
            finding=f"{_WORDS[item.kind]} {item.name} is {item.days(at):.0f} days old",
            remedy=_REMEDIES[item.kind].format(agency=item.agency),
        )
    if aged and not old:
        yield fine("age", f"no key or secret that is known is older than {AGE_DAYS_MAX} days")


def of_certificate(file: Path, *, check: str, whose: str, remedy: str) -> Finding:
    """Say when a certificate ends: `ok`, or what is to be done about it."""
    certificate = read_certificate(file)
    if certificate is None:
        finding = f"{file} is no certificate in PEM form, or cannot be read"
        return Finding(check=check, state="FAIL", finding=finding, remedy=remedy)
    end = certificate.not_valid_after_utc
    left = end - datetime.now(UTC)
    if left < timedelta(days=CERTIFICATE_DAYS_MIN):
        return Finding(
            check=check,
            state="warn" if left > timedelta(0) else "FAIL",
            finding=f"the {whose} certificate ends on {end:%Y-%m-%d}",
            remedy=remedy,
        )
    return fine(check, f"{whose} certificate until {end:%Y-%m-%d}")
