"""The age of keys and secrets: what is measured, and what `almoner doctor` says of it."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.cli.age_findings import of_ages, of_certificate
from gateway.config import Config, TransUnionConfig
from gateway.metrics import exposition
from gateway.secret_ages import Aged, AgeGauges, aged_keys, aged_secrets, measuring_ages
from gateway.secrets import open_secrets
from gateway.workspace import open_workspace
from integrations.transunion.certificates import ensure_certificates
from tenants.keys.keyring import new_agency_keys, new_data_key
from tests.tenants.directory.directory_samples import a_key, an_agency, audit

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


async def test_the_newest_data_key_and_live_api_keys_count(tmp_path: Path) -> None:
    """A rotated key's age is its successor's; keys that are revoked or over have none."""
    harbor = an_agency("harbor")
    async with open_workspace(tmp_path / "home", create=True) as workspace:
        directory, keyring = workspace.directory, workspace.keyring
        _, wrapped = await new_agency_keys(keyring, harbor.id, days_ago(200))
        newer = await new_data_key(keyring, harbor.id, wrapped, days_ago(10))
        await directory.add_agency(harbor, [*wrapped, newer], audit())
        live = replace(a_key(), created_at=days_ago(100), expires_at=NOW + timedelta(1))
        over = replace(a_key(), created_at=days_ago(300), expires_at=days_ago(1))
        revoked = replace(live, id=a_key().id, hash=a_key().hash, revoked_at=days_ago(1))
        for key in (live, over, revoked):
            await directory.add_api_key(harbor.id, key, audit())
        found = await aged_keys(directory, NOW)
    assert [(item.kind, item.agency, round(item.days(NOW))) for item in found] == [
        ("data_key", "harbor", 10),
        ("api_key", "harbor", 100),
    ]


async def test_secrets_by_reference_and_certificates_have_an_age(tmp_path: Path) -> None:
    """A file's age is its last change; a secret in the settings themselves has none."""
    path = tmp_path / "password"
    await asyncio.to_thread(path.write_text, "one")
    moment = (datetime.now(UTC) - timedelta(days=91)).timestamp()
    await asyncio.to_thread(os.utime, path, (moment, moment))
    files = await asyncio.to_thread(ensure_certificates, tmp_path / "certificates")
    config = Config(
        transunion=TransUnionConfig(
            password=path.as_uri(),
            system_password="literal",
            certificate_file=files.client_certificate,
        )
    )
    async with open_secrets(config, watch=False) as secrets:
        found = list(aged_secrets(config, secrets))
    assert [item.name for item in found] == ["transunion.password", "transunion.certificate_file"]
    assert found[0].days(datetime.now(UTC)) == pytest.approx(91, abs=0.01)
    assert found[1].ends is not None


def test_the_gauges_show_the_oldest_of_each_kind() -> None:
    """One number for each kind and agency; what is gone has none any more."""
    registry = CollectorRegistry()
    gauges = AgeGauges(registry)
    keys = [
        Aged(kind="api_key", name=name, agency="harbor", since=days_ago(days))
        for name, days in (("a", 5), ("b", 95), ("c", 50))
    ]
    certificate = Aged(
        kind="certificate",
        name="tls_certificate_file",
        agency=None,
        since=days_ago(60),
        ends=NOW + timedelta(days=30),
    )
    gauges.show([*keys, certificate], NOW)
    shown = exposition(registry).decode()
    assert 'almoner_secret_age_days{agency="harbor",kind="api_key"} 95.0' in shown
    assert 'almoner_secret_age_days{agency="none",kind="certificate"} 60.0' in shown
    assert 'almoner_certificate_days_left{setting="tls_certificate_file"} 30.0' in shown
    gauges.show(keys[:1], NOW)
    shown = exposition(registry).decode()
    assert 'kind="api_key"} 5.0' in shown
    assert 'almoner_certificate_days_left{setting="tls_certificate_file"} NaN' in shown
    assert 'almoner_secret_age_days{agency="none",kind="certificate"} NaN' in shown


async def test_ages_are_measured_while_the_gateway_runs(tmp_path: Path) -> None:
    """As soon as the gateway is open the metric is there."""
    registry, harbor = CollectorRegistry(), an_agency("harbor")
    config = Config(home=tmp_path / "home")
    async with (
        open_workspace(config.home, create=True) as workspace,
        open_secrets(config, watch=False) as secrets,
    ):
        _, wrapped = await new_agency_keys(workspace.keyring, harbor.id, days_ago(42))
        await workspace.directory.add_agency(harbor, wrapped, audit())
        async with (
            asyncio.timeout(5),
            measuring_ages(config, registry, workspace.directory, secrets, clock=lambda: NOW),
        ):
            while b'kind="data_key"} 42.0' not in exposition(registry):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def test_the_doctor_warns_of_what_is_older_than_ninety_days() -> None:
    """Each old key is named with what renews it; certificates are judged by their end alone."""
    old = Aged(kind="data_key", name="0001-A", agency="harbor", since=days_ago(91))
    secret = Aged(kind="vendor_secret", name="transunion.password", agency=None, since=days_ago(99))
    fresh = Aged(kind="api_key", name="partner", agency="harbor", since=days_ago(90))
    certificate = Aged(kind="certificate", name="c", agency=None, since=days_ago(300))
    warned = list(of_ages([old, fresh, secret, certificate], NOW))
    assert [(item.check, item.state) for item in warned] == [
        ("harbor: age", "warn"),
        ("age", "warn"),
    ]
    assert "91 days" in warned[0].finding
    assert "almoner key-rotation start harbor" in warned[0].remedy
    assert [item.state for item in of_ages([fresh, certificate], NOW)] == ["ok"]
    assert list(of_ages([], NOW)) == []


def test_the_doctor_reads_a_certificate_s_end(tmp_path: Path) -> None:
    """A good one is said with its end; what is no certificate is a failure."""
    files = ensure_certificates(tmp_path)
    known = {"check": "tls", "whose": "gateway's", "remedy": "renew it"}
    assert of_certificate(files.server_certificate, **known).state in ("ok", "warn")
    assert of_certificate(files.server_key, **known).state == "FAIL"
    assert of_certificate(tmp_path / "nowhere", **known).state == "FAIL"
