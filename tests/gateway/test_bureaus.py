"""Each agency's credit bureau, opened from settings, its calls counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from domain.consumers import Address, PersonName
from domain.credit import CreditSubject, PulledFile, PullKind
from domain.errors import UpstreamTimeout
from gateway.adapters import Opened
from gateway.bureaus import AgencyBureau, open_bureaus, transunion_settings
from gateway.config import CannotStart, Config, TransUnionConfig
from gateway.secrets import open_secrets
from integrations.transunion.certificates import ensure_certificates
from integrations.transunion.local import simulator_settings
from integrations.transunion.settings import RequestForm
from integrations.transunion.simulator import Simulator, SimulatorAccount, running_simulator
from tests.gateway.small_gateway import BROKEN, HARBOR

CONFIG = TransUnionConfig(
    url="https://localhost:1",
    system_id="ALMONER",
    system_password="one",
    industry_code="F",
    member_code_soft="1",
    member_code_hard="2",
    inquiry_prefix="0622",
    password="two",
    request_form="BARE",
    frozen_error_codes=("056",),
    certificate_file=Path("certificate.pem"),
    key_file=Path("key.pem"),
)

SUBJECT = CreditSubject(
    name=PersonName(given="A", family="B"),
    address=Address(line1="1 A", city="B", state="MI", postal_code="48066"),
    ssn="666484418",
    date_of_birth=date(1970, 1, 1),
)


@dataclass(slots=True)
class FakeBureau:
    """Answers what it is given, or raises it."""

    outcome: object
    closed: bool = False

    async def pull(self, *_: Any, reference: str) -> PulledFile:
        """Pull nothing."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return cast("PulledFile", self.outcome)

    async def aclose(self) -> None:
        """Close."""
        self.closed = True


def nobody(vendor: str, outcome: str, seconds: float) -> None:
    raise AssertionError


def test_settings_become_the_adapters() -> None:
    """Every configured value reaches the adapter under its own name; no address, no bureau."""
    settings = transunion_settings(CONFIG)

    assert settings is not None
    assert (settings.member_code_soft, settings.inquiry_prefix) == ("1", "0622")
    assert settings.request_form is RequestForm.BARE
    assert settings.frozen_error_codes == {"056"}
    assert settings.concurrency_max == CONFIG.concurrency
    assert transunion_settings(TransUnionConfig()) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"certificate_file": None}, "wants a client certificate"),
        ({"member_code_hard": ""}, "member_code_hard is letters and digits"),
        ({"url": "http://localhost:1"}, "the address of TransUnion is https"),
    ],
)
async def test_settings_that_cannot_be_right_are_told_at_the_start(
    wrong: dict[str, Any], words: str
) -> None:
    """A wrong subscription keeps the gateway from starting, not an agency from pulling later."""
    with pytest.raises(CannotStart, match=words):
        await open_bureaus(replace(CONFIG, **wrong), nobody)


async def test_certificates_are_tried_at_the_start(tmp_path: Path) -> None:
    """Files that cannot be read are told at the start; good ones open a bureau per agency."""
    with pytest.raises(CannotStart, match=r"certificate\.pem"):
        await open_bureaus(CONFIG, nobody)

    files = ensure_certificates(tmp_path)
    good = replace(CONFIG, certificate_file=files.client_certificate, key_file=files.client_key)
    bureaus = await open_bureaus(good, nobody)
    assert bureaus.of(HARBOR) is bureaus.of(HARBOR)
    assert bureaus.of(HARBOR) is not bureaus.of(BROKEN)
    await bureaus.aclose()
    none = await open_bureaus(TransUnionConfig(), nobody)
    assert none.of(HARBOR) is None


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        ("a file", "ok"),
        (UpstreamTimeout(vendor="transunion", retryable=False), "UPSTREAM_TIMEOUT"),
        (LookupError(), "INTERNAL"),
    ],
)
async def test_every_call_is_counted(outcome: object, counted: str) -> None:
    """A pull is counted by how it ended, however it ended."""
    calls: list[tuple[str, str]] = []
    settings = transunion_settings(CONFIG)
    assert settings is not None
    bureau = AgencyBureau("1", settings, lambda vendor, how, _: calls.append((vendor, how)))
    fake = FakeBureau(outcome)
    bureau._adapter._open = Opened(cast("Any", fake))
    try:
        pulled = await bureau.pull(SUBJECT, PullKind.SOFT, reference="r")
        assert pulled == outcome
    except (UpstreamTimeout, LookupError) as error:
        assert error is outcome  # noqa: PT017 - it is one of three outcomes
    await bureau.aclose()

    assert calls == [("transunion", counted)]
    assert fake.closed


@asynccontextmanager
async def simulated(folder: Path, **references: str) -> AsyncIterator[tuple[Simulator, Config]]:
    """Run a simulator, and give a configuration that speaks to it with secrets by reference."""
    certificates = ensure_certificates(folder)
    simulator = Simulator(SimulatorAccount(password="one", slow_seconds=0.3))
    async with running_simulator(simulator, certificates) as url:
        known = simulator_settings(url, certificates, simulator.account)
        names = ["system_id", "system_password", "industry_code", "member_code_soft"]
        names += ["member_code_hard", "inquiry_prefix", "certificate_file", "key_file", "ca_file"]
        given = {name: getattr(known, name) for name in names} | references
        yield simulator, Config(transunion=TransUnionConfig(url=url, **given))


async def test_a_new_password_is_used_without_a_restart(tmp_path: Path) -> None:
    """What the vendor and we change at different times goes on pulling, one inquiry a pull."""
    path = tmp_path / "password"
    await asyncio.to_thread(path.write_text, "one")
    async with (
        simulated(tmp_path / "certificates", password=path.as_uri()) as (simulator, config),
        open_secrets(config, watch=False) as secrets,
    ):
        transunion = replace(config.transunion, credential_error_codes=("SIM-011",))
        bureaus = await open_bureaus(transunion, lambda *_: None, secrets)
        bureau = bureaus.of(HARBOR)
        assert bureau is not None
        await bureau.pull(SUBJECT, PullKind.SOFT, reference="r1")
        await asyncio.to_thread(path.write_text, "two")
        assert await secrets.refresh()
        await bureau.pull(SUBJECT, PullKind.SOFT, reference="r2")  # the vendor still has the old
        simulator.account = replace(simulator.account, password="two")
        await bureau.pull(SUBJECT, PullKind.SOFT, reference="r3")
        assert bureaus.of(HARBOR) is bureau
        await bureaus.aclose()
        assert [inquiry.reference for inquiry in simulator.inquiries] == ["r1", "r2", "r3"]


async def test_a_pull_under_way_ends_as_it_began(tmp_path: Path) -> None:
    """Renewing settings in the middle of a pull neither breaks nor repeats it."""
    async with simulated(tmp_path, password="one") as (simulator, config):
        bureaus = await open_bureaus(config.transunion, lambda *_: None)
        bureau = bureaus.of(HARBOR)
        assert bureau is not None
        slow = replace(SUBJECT, name=PersonName(given="A", family="Slow"))
        pulling = asyncio.create_task(bureau.pull(slow, PullKind.SOFT, reference="r1"))
        while not simulator.inquiries:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0.01)
        settings = transunion_settings(config.transunion)
        assert settings is not None
        await bureaus.renew(settings)
        assert (await pulling).file is not None
        await bureau.pull(SUBJECT, PullKind.SOFT, reference="r2")
        with pytest.raises(CannotStart):
            await bureaus.renew(replace(settings, key_file=tmp_path / "nowhere"))
        await bureau.pull(SUBJECT, PullKind.SOFT, reference="r3")
        await bureaus.aclose()
        assert len(simulator.inquiries) == 3
