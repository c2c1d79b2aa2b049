"""The sample, settings without files, subjects, and a simulator behind real TLS."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from domain.consumers import Address, PersonName
from domain.credit import CreditSubject
from integrations.transunion.certificates import CertificateFiles, ensure_certificates
from integrations.transunion.local import simulator_settings
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.simulator import Simulator, SimulatorAccount, running_simulator

MakeSubject = Callable[..., CreditSubject]


@pytest.fixture(scope="session")
def sample() -> bytes:
    """Return the vendor's own sample, byte for byte."""
    samples = resources.files("integrations.transunion.simulator") / "samples"
    return (samples / "tu_2.33_07000_credit_report_response.xml").read_bytes()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """Return certificates of this run."""
    return ensure_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def settings(certificates: CertificateFiles) -> TransUnionSettings:
    """Return settings that the simulator accepts, of an address that nobody answers at."""
    return simulator_settings("https://localhost:1", certificates)


@pytest.fixture
def make_subject() -> MakeSubject:
    """Return a function that makes a subject, by default one without a story."""

    def make(
        family: str = "Whitfield",
        *,
        given: str = "Dana",
        ssn: str = "666120034",
        born: date = date(1980, 2, 3),
        line1: str = "12 Harbor St",
    ) -> CreditSubject:
        return CreditSubject(
            name=PersonName(given=given, family=family),
            ssn=ssn,
            date_of_birth=born,
            address=Address(line1=line1, city="Roseville", state="MI", postal_code="48066-1234"),
        )

    return make


@pytest.fixture
def persona() -> CreditSubject:
    """Return the sample's persona."""
    return CreditSubject(
        name=PersonName(given="Robert", middle="E", family="Uphold", suffix="Sr."),
        ssn="666484418",
        date_of_birth=date(1956, 8, 1),
        address=Address(line1="27366 Perry St", city="Roseville", state="MI", postal_code="48066"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A simulator that is being served."""

    simulator: Simulator
    url: str
    settings: TransUnionSettings


@pytest.fixture
async def running(certificates: CertificateFiles) -> AsyncIterator[Running]:
    """Serve a simulator on a free port of loopback."""
    simulator = Simulator(SimulatorAccount(slow_seconds=0.05))
    async with running_simulator(simulator, certificates) as url:
        yield Running(simulator=simulator, url=url, settings=simulator_settings(url, certificates))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that does not exist yet."""
    return tmp_path / "certificates"
