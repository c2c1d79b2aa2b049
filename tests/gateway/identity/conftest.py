"""Two agencies and the operators, each with a pool whose keys a fake far end publishes."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency, Pool
from domain.audit import AuditLine
from domain.ids import new_ulid
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import read_credential
from gateway.identity.jwks import KeySets
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tests.gateway.identity import forge
from tests.gateway.identity.forge import AT, CLIENT, Signer

FILE_KEY = bytes(range(32))
ACTOR = Actor(id="os:ada", kind=PrincipalKind.OPERATOR, display_name="ada")


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that the forger holds; `stray` is published by nobody."""

    harbor: Signer
    summit: Signer
    operators: Signer
    stray: Signer


@dataclass(slots=True)
class Clock:
    """A clock that tests turn."""

    at: datetime = AT

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at

    def seconds(self) -> float:
        """Return the time in seconds."""
        return self.at.timestamp()

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class World:
    """What identity works with, and the far end that it asks for keys."""

    directory: SqliteDirectory
    path: Path
    key_sets: KeySets
    authenticator: Authenticator
    far_end: respx.MockRouter
    clock: Clock
    signers: Signers
    harbor: Agency
    summit: Agency

    async def principal(self, authorization: str) -> object:
        """Return who an Authorization header names."""
        credential = read_credential({"authorization": authorization})
        assert credential is not None
        return await self.authenticator.authenticate(credential)

    def fetches(self, issuer: str) -> int:
        """Return how often an issuer has been asked for its keys."""
        return sum(
            str(call.request.url) == f"{issuer}/.well-known/jwks.json"
            for call in self.far_end.calls
        )


def audit() -> AuditLine:
    return AuditLine(id=new_ulid(), at=AT, actor=ACTOR, action="cli:test", request_id="req-1")


@pytest.fixture(scope="session")
def signers() -> Signers:
    issuers = (forge.HARBOR, forge.SUMMIT, forge.OPERATORS, forge.HARBOR)
    names = ("harbor-key", "summit-key", "operators-key", "harbor-key")
    harbor, summit, operators, stray = (
        Signer(issuer, name, rsa.generate_private_key(public_exponent=65537, key_size=2048))
        for issuer, name in zip(issuers, names, strict=True)
    )
    return Signers(harbor, summit, operators, stray)


@pytest.fixture
def far_end(signers: Signers) -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        for signer in (signers.harbor, signers.summit, signers.operators):
            address = f"{signer.issuer}/.well-known/jwks.json"
            router.get(address).respond(json={"keys": [signer.jwk()]})
        yield router


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """Return what every client of the far end shares: making one takes longer than a test."""
    return ssl.create_default_context()


@pytest.fixture(scope="session")
def agencies() -> tuple[Agency, Agency]:
    harbor, summit = (
        Agency(
            id=new_ulid(),
            slug=slug,
            name=slug.title(),
            states=("MI",),
            store_url=f"sqlite:stores/{slug}.db",
            pools=(Pool(issuer=issuer, client_ids=(CLIENT, "almonermobile")),),
        )
        for slug, issuer in (("harbor", forge.HARBOR), ("summit", forge.SUMMIT))
    )
    return harbor, summit


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, agencies: tuple[Agency, Agency]) -> Path:
    """Return a directory with both agencies and the operators, for each test to copy."""
    path = tmp_path_factory.mktemp("identity") / "directory.db"

    async def fill() -> None:
        directory = open_directory(path, FILE_KEY, create=True)
        for agency in agencies:
            await directory.add_agency(agency, (), audit())
        pool = Pool(issuer=forge.OPERATORS, client_ids=(CLIENT,))
        await directory.set_operator_pool(pool, audit())
        await directory.aclose()

    asyncio.run(fill())
    return path


@pytest.fixture
async def world(
    tmp_path: Path,
    template: Path,
    agencies: tuple[Agency, Agency],
    far_end: respx.MockRouter,
    signers: Signers,
    tls: ssl.SSLContext,
) -> AsyncIterator[World]:
    clock = Clock()
    path = tmp_path / "directory.db"
    shutil.copyfile(template, path)
    directory = open_directory(path, FILE_KEY, create=False, clock=clock)
    async with httpx.AsyncClient(verify=tls, trust_env=False) as client:
        key_sets = KeySets(client, clock.seconds)
        authenticator = Authenticator(directory, key_sets, clock)
        yield World(directory, path, key_sets, authenticator, far_end, clock, signers, *agencies)
        await authenticator.aclose()
        await key_sets.aclose()
    await directory.aclose()
