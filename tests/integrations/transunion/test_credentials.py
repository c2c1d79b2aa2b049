"""Two passwords at a time: while one is being changed, either may be right, and no pull is lost."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.credit import CreditSubject, FileHit, PullKind
from domain.errors import UpstreamInvalid, UpstreamUnavailable
from integrations.transunion.adapter import TransUnion, open_transunion
from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.local import simulator_settings
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.simulator import Simulator, SimulatorAccount, running_simulator

PASSWORD_REFUSED = "SIM-011"


@asynccontextmanager
async def simulated(
    certificates: CertificateFiles, **changed: Any
) -> AsyncIterator[tuple[Simulator, TransUnion]]:
    """Run a simulator and an adapter whose settings differ from the simulator's as told."""
    simulator = Simulator(SimulatorAccount(system_password="right", password="right"))
    async with running_simulator(simulator, certificates) as url:
        settings = replace(
            simulator_settings(url, certificates, simulator.account),
            credential_error_codes=frozenset({PASSWORD_REFUSED}),
            **changed,
        )
        async with open_transunion("agency_1", settings) as bureau:
            yield simulator, bureau


@pytest.mark.parametrize(
    "changed",
    [
        {"system_password": "early", "previous_system_password": "right"},
        {"password": "early", "previous_password": "right"},
        {
            "system_password": "early",
            "previous_system_password": "right",
            "password": "early",
            "previous_password": "right",
        },
        {"previous_password": "stale", "previous_system_password": "stale"},
    ],
)
async def test_either_version_of_a_password_pulls(
    certificates: CertificateFiles, make_subject: Callable[..., CreditSubject], changed: Any
) -> None:
    """Whichever version the vendor takes, each pull is one inquiry there."""
    async with simulated(certificates, **changed) as (simulator, bureau):
        for number in range(3):
            pulled = await bureau.pull(make_subject(), PullKind.SOFT, reference=f"rep_{number}")
            assert pulled.file.hit is FileHit.HIT
        assert len(simulator.inquiries) == 3


async def test_where_no_version_is_right_the_refusal_is_told(
    certificates: CertificateFiles, make_subject: Callable[..., CreditSubject]
) -> None:
    """Both refused: the vendor's refusal is the error, and nothing was done."""
    wrong = {"system_password": "early", "previous_system_password": "stale"}
    async with simulated(certificates, **wrong) as (simulator, bureau):
        with pytest.raises(UpstreamUnavailable) as refused:
            await bureau.pull(make_subject(), PullKind.HARD, reference="rep_1")
        assert not refused.value.may_have_acted
        assert simulator.inquiries == []
    wrong = {"password": "early", "previous_password": "stale"}
    async with simulated(certificates, **wrong) as (simulator, bureau):
        with pytest.raises(UpstreamInvalid, match=PASSWORD_REFUSED):
            await bureau.pull(make_subject(), PullKind.HARD, reference="rep_1")
        assert simulator.inquiries == []


@pytest.mark.parametrize("status", [400, 404, 500, 302])
async def test_what_is_no_refusal_of_a_password_is_not_tried_twice(
    settings: TransUnionSettings, persona: CreditSubject, status: int
) -> None:
    """Only 401 and 403 say that nothing but the password was looked at."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    both = replace(settings, previous_password="stale")
    async with open_transunion("1", both, transport=httpx.MockTransport(answer)) as bureau:
        with pytest.raises(UpstreamUnavailable):
            await bureau.pull(persona, PullKind.HARD, reference="rep_1")
    assert len(asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_the_version_that_was_taken_is_tried_first(
    settings: TransUnionSettings, persona: CreditSubject, sample: bytes, status: int
) -> None:
    """After the vendor took a version, the other one is not shown to it again for nothing."""
    asked: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        right = b">previous<" in request.content
        asked.append(right)
        if not right:
            return httpx.Response(status)
        return httpx.Response(200, stream=httpx.ByteStream(sample))

    both = replace(settings, password="new", previous_password="previous")
    async with open_transunion("1", both, transport=httpx.MockTransport(answer)) as bureau:
        for _ in range(3):
            await bureau.pull(persona, PullKind.HARD, reference="rep_1")
    assert asked == [False, True, True, True]


def test_passwords_that_are_the_same_are_one(settings: TransUnionSettings) -> None:
    """No version is shown to the vendor twice, and none of them is printed."""
    same = replace(
        settings,
        previous_password=settings.password,
        previous_system_password=settings.system_password,
    )
    assert len(same.by_credentials()) == 1
    assert len(replace(settings, previous_password="hunter2").by_credentials()) == 2
    assert "hunter2" not in repr(replace(settings, previous_password="hunter2"))
