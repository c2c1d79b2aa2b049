"""Each agency's credit bureau, opened from settings, its calls counted."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from domain.consumers import Address, PersonName
from domain.credit import CreditFile, CreditSubject, PullKind
from domain.errors import UpstreamTimeout
from gateway.bureaus import AgencyBureau, open_bureaus, transunion_settings
from gateway.config import CannotStart, TransUnionConfig
from integrations.transunion.certificates import ensure_certificates
from integrations.transunion.settings import RequestForm
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


@dataclass(slots=True)
class FakeBureau:
    """Answers what it is given, or raises it."""

    outcome: object
    closed: bool = False

    async def pull(self, *_: Any, reference: str) -> CreditFile:
        """Pull nothing."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return cast("CreditFile", self.outcome)

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
    bureau._open = cast("Any", fake)
    subject = CreditSubject(
        name=PersonName(given="A", family="B"),
        address=Address(line1="1 A", city="B", state="MI", postal_code="48066"),
        ssn="666484418",
        date_of_birth=date(1970, 1, 1),
    )

    try:
        pulled = await bureau.pull(subject, PullKind.SOFT, reference="r")
        assert pulled == outcome
    except (UpstreamTimeout, LookupError) as error:
        assert error is outcome  # noqa: PT017 - it is one of three outcomes
    await bureau.aclose()

    assert calls == [("transunion", counted)]
    assert fake.closed
