"""The authenticator with the local issuer, over real HTTP on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn

from domain.access import Principal
from domain.actors import Group, PrincipalKind
from domain.agencies import Agency, Pool
from domain.errors import Unauthenticated
from domain.ids import new_ulid
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import read_credential
from gateway.identity.jwks import KeySets
from gateway.identity.refusals import Reason, reason_of
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.http import provider_app
from gateway.local.issuer import LocalIssuer, TokenUse, User
from tenants.directory.sqlite import open_directory
from tenants.keys.keyring import LocalKeyring
from tests.gateway.identity.conftest import audit

CLIENT = "almonerweb"
POOLS = {"harbor": "us-east-1_Harbor01", "summit": "us-east-1_Summit01"}
OPERATORS = "us-east-1_Almoner1"


@dataclass(frozen=True, slots=True)
class Platform:
    """A running issuer, a directory that knows it, and who verifies its tokens."""

    issuer: LocalIssuer
    base_url: str
    agencies: dict[str, Agency]
    authenticator: Authenticator

    async def principal(self, token: str) -> Principal:
        """Return whom a token names."""
        credential = read_credential({"authorization": token})
        assert credential is not None
        return await self.authenticator.authenticate(credential)

    def user(self, group: Group, agency: str | None = "harbor") -> User:
        """Return a user of that group, made on the spot."""
        email = f"{group.value}@{agency}.test"
        pool_id = OPERATORS if agency is None else POOLS[agency]
        self.issuer.put_user(
            email=email,
            subject=f"sub-{agency}-{group.value}",
            display_name="Somebody",
            group=group,
            pool_id=pool_id,
        )
        found = self.issuer.user(email)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose issuer has made its keys: that takes a while."""
    home = tmp_path_factory.mktemp("home")
    keyring = LocalKeyring.from_file(home / "keyring.json", create=True)
    issuer = LocalIssuer.open(home / "issuer.db", keyring.derive("issuer"), create=True)
    for agency, pool_id in POOLS.items():
        issuer.ensure_pool(pool_id, CLIENT, agency=agency)
    issuer.ensure_pool(OPERATORS, CLIENT, agency=None)
    issuer.close()
    return home


@pytest.fixture
async def platform(home: Path, tmp_path: Path) -> AsyncIterator[Platform]:
    keyring = LocalKeyring.from_file(home / "keyring.json", create=False)
    issuer = LocalIssuer.open(home / "issuer.db", keyring.derive("issuer"), create=False)
    app = provider_app(Provider(file=issuer.file))
    config = uvicorn.Config(app, log_level="error", ws="none", loop="none")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    base_url = f"http://127.0.0.1:{port}"
    directory = open_directory(tmp_path / "directory.db", keyring.derive("directory"), create=True)
    agencies = {}
    for slug, pool_id in POOLS.items():
        agencies[slug] = Agency(
            id=new_ulid(),
            slug=slug,
            name=slug.title(),
            states=("MI",),
            store_url=f"sqlite:stores/{slug}.db",
            pools=(Pool(issuer=f"{base_url}/{pool_id}", client_ids=(CLIENT,)),),
        )
        await directory.add_agency(agencies[slug], (), audit())
    operators = Pool(issuer=f"{base_url}/{OPERATORS}", client_ids=(CLIENT,))
    await directory.set_operator_pool(operators, audit())
    async with httpx.AsyncClient(trust_env=False) as client:
        authenticator = Authenticator(directory, KeySets(client))
        yield Platform(issuer, base_url, agencies, authenticator)
    await directory.aclose()
    server.should_exit = True
    await serving
    issuer.close()


@pytest.mark.parametrize("use", ["access", "id"])
@pytest.mark.parametrize(
    ("group", "agency", "kind"),
    [
        (Group.CONSUMERS, "harbor", PrincipalKind.CONSUMER),
        (Group.COUNSELORS, "summit", PrincipalKind.COUNSELOR),
        (Group.ADMINS, "harbor", PrincipalKind.ADMIN),
        (Group.ANALYSTS, "summit", PrincipalKind.ANALYST),
        (Group.OPERATORS, None, PrincipalKind.OPERATOR),
    ],
)
async def test_its_tokens_let_their_users_in(
    platform: Platform, use: TokenUse, group: Group, agency: str | None, kind: PrincipalKind
) -> None:
    """A token of each group and kind is verified with keys fetched over HTTP."""
    user = platform.user(group, agency)
    token = platform.issuer.mint(user, base_url=platform.base_url, use=use)
    for authorization in (token, f"Bearer {token}"):
        found = await platform.principal(authorization)

        assert (found.kind, found.subject) == (kind, user.subject)
        assert found.agency_id == (None if agency is None else platform.agencies[agency].id)
        assert found.authenticated_at is not None


async def test_one_pools_user_is_nobody_in_another(platform: Platform) -> None:
    """A token that another of the same installation's pools signed is refused."""
    user = platform.user(Group.ADMINS)
    token = platform.issuer.mint(user, base_url=platform.base_url)
    stranger = platform.issuer.mint(user, base_url="http://127.0.0.1:1")
    stray = replace(user, pool_id=POOLS["summit"], groups=(Group.OPERATORS,))
    operator = platform.issuer.mint(stray, base_url=platform.base_url)
    reasons = []
    for refused in (stranger, operator):
        with pytest.raises(Unauthenticated) as refusal:
            await platform.principal(refused)
        reasons.append(reason_of(refusal.value))

    assert reasons == [Reason.UNKNOWN_ISSUER, Reason.GROUP_OF_ANOTHER_POOL]
    assert (await platform.principal(token)).agency_id == platform.agencies["harbor"].id
