"""How old the keys and secrets of an installation are, for `almoner doctor` and the metrics."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from prometheus_client import CollectorRegistry, Gauge

from domain.errors import StoreUnavailable
from gateway.background import in_background
from gateway.config import Config
from gateway.metrics import NO_AGENCY
from gateway.secrets import Secrets
from tenants.directory.port import Directory
from tenants.keys.keyring import data_key_number

AGE_DAYS_MAX = 90  # what is older should be renewed
MEASURE_SECONDS = 15 * 60.0

_log = structlog.get_logger("almoner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """A key or secret and since when it is used.

    kind: data_key, api_key, vendor_secret or certificate. agency: its slug, None for what all
    share. ends: when a certificate ends.
    """

    kind: str
    name: str
    agency: str | None
    since: datetime
    ends: datetime | None = None

    def days(self, at: datetime) -> float:
        """Return its age in days."""
        return (at - self.since).total_seconds() / 86_400


async def aged_keys(directory: Directory, at: datetime) -> list[Aged]:
    """Return each agency's newest data key, and its API keys that are not revoked or ended."""
    found: list[Aged] = []
    for agency in await directory.agencies():
        wrapped = await directory.wrapped_keys(agency.id)
        data_keys = [key for key in wrapped if key.purpose == "data"]
        if data_keys:
            newest = max(data_keys, key=lambda key: data_key_number(key.key_id))
            found.append(
                Aged(
                    kind="data_key",
                    name=newest.key_id,
                    agency=agency.slug,
                    since=newest.created_at,
                )
            )
        found += [
            Aged(kind="api_key", name=key.name, agency=agency.slug, since=key.created_at)
            for key in await directory.api_keys(agency.id)
            if key.revoked_at is None and key.expires_at > at
        ]
    return found


def aged_secrets(config: Config, secrets: Secrets) -> Iterator[Aged]:
    """Return the secrets kept by reference, and the certificates in use, with their ages.

    A secret that stands in the settings itself has none: nobody says since when it is there.
    """
    for name, secret in secrets.known.items():
        if secret.since is not None:
            yield Aged(kind="vendor_secret", name=name, agency=None, since=secret.since)
    for name, path in (
        ("transunion.certificate_file", config.transunion.certificate_file),
        ("tls_certificate_file", config.tls_certificate_file),
    ):
        certificate = None if path is None else read_certificate(path)
        if certificate is not None:
            yield Aged(
                kind="certificate",
                name=name,
                agency=None,
                since=certificate.not_valid_before_utc,
                ends=certificate.not_valid_after_utc,
            )


def read_certificate(path: Path) -> x509.Certificate | None:
    """Return the first certificate of a PEM file; None where it cannot be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


class AgeGauges:
    """The metrics of ages: the oldest of each kind and agency, and what certificates have left."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._ages = Gauge(
            "almoner_secret_age_days",
            "Age of the oldest data key, API key, vendor secret and certificate.",
            ["kind", "agency"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._left = Gauge(
            "almoner_certificate_days_left",
            "Until a certificate ends, by the setting that names it.",
            ["setting"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )

        self._shown: set[tuple[Gauge, tuple[str, ...]]] = set()

    def show(self, aged: list[Aged], at: datetime) -> None:
        """Show these; what was shown and is gone has no number any more.

        Gauges that several processes share cannot be taken back.
        """
        oldest: dict[tuple[str, ...], float] = {}
        left: dict[tuple[str, ...], float] = {}
        for item in aged:
            key = (item.kind, item.agency or NO_AGENCY)
            oldest[key] = max(oldest.get(key, 0.0), item.days(at))
            if item.ends is not None:
                left[(item.name,)] = (item.ends - at).total_seconds() / 86_400
        values = {
            **{(self._ages, labels): days for labels, days in oldest.items()},
            **{(self._left, labels): days for labels, days in left.items()},
        }
        for gauge, labels in self._shown - values.keys():
            gauge.labels(*labels).set(math.nan)
        for (gauge, labels), days in values.items():
            gauge.labels(*labels).set(days)
        self._shown |= values.keys()


@asynccontextmanager
async def measuring_ages(
    config: Config,
    registry: CollectorRegistry,
    directory: Directory,
    secrets: Secrets,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[None]:
    """Keep the gauges of ages up to date inside."""
    gauges = AgeGauges(registry)

    async def measure() -> None:
        while True:
            at = clock()
            try:
                aged = await aged_keys(directory, at)
                aged += await asyncio.to_thread(lambda: list(aged_secrets(config, secrets)))
                gauges.show(aged, at)
            except StoreUnavailable as error:
                _log.warning("ages of keys not measured", why=error.message)
            await asyncio.sleep(MEASURE_SECONDS)

    async with in_background(measure(), "ages of keys"):
        yield
