"""A gateway on loopback over real files, two agencies with people and keys, and live clients."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from domain.access import Scope
from domain.agencies import Agency, AgencyStatus, Pool
from domain.audit import AuditLine
from domain.ids import new_ulid
from gateway.app import create_app
from gateway.config import load_config
from gateway.front import Gateway
from gateway.listening import bind
from gateway.provisioning import add_agency, cli_audit
from gateway.server import gateway_server
from gateway.workspace import open_workspace
from tenants.directory.api_keys import secret_hash
from tests.gateway.identity.forge import CLIENT, Signer
from tests.gateway.served import add_key
from tests.isolation.key_sets import KeySetServer

PATIENCE = 20.0
"""Seconds after which what should have come is missed; nobody waits for them where all is well."""
START = """mutation { startApplication(input: {
  name: {given: "Ada", family: "Byron"}, email: "ada@example.org",
  address: {line1: "1 Main St", city: "Roseville", state: "MI", postalCode: "48066"}
}) { id } }"""
SUBMIT = "mutation ($id: ID!) { submitApplication(id: $id) { id status } }"
CLAIM = "mutation ($id: ID!) { claimApplication(id: $id) { id } }"
UPDATED = "subscription ($id: ID) { onApplicationUpdated(id: $id) { id version hardshipReason } }"
EVERYTHING = "subscription { onApplicationUpdated { id version hardshipReason } }"
CHANGE = """mutation ($id: ID!, $to: String) {
  updateApplication(input: {id: $id, hardshipReason: $to}) { id version } }"""


@dataclass(slots=True)
class House:
    """The gateway, and what is needed to speak to it."""

    app: Gateway
    url: str
    home: Path
    agencies: Mapping[str, Agency]
    keys: Mapping[str, str]
    signers: Mapping[str, Signer]
    client: httpx.AsyncClient

    def token(self, subject: str, group: str, slug: str = "harbor", **changes: Any) -> str:
        """Return an access token that has just been issued."""
        now = int(time.time())
        claims: dict[str, Any] = {"sub": subject, "username": subject, "cognito_groups": [group]}
        claims |= {"jti": new_ulid(), "origin_jti": new_ulid()}
        claims |= {"auth_time": now, "iat": now, "exp": now + 3600}
        return self.signers[slug].token(**(claims | changes))

    async def ask(
        self, document: str, credential: str, variables: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the data of an operation, whose answer has no errors."""
        answer = await self.client.post(
            f"{self.url}/graphql",
            json={"query": document, "variables": variables or {}},
            headers=headers_of(credential),
        )
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    async def start(self, credential: str) -> str:
        """Start an application, and return its id."""
        data = await self.ask(START, credential)
        found: str = data["startApplication"]["id"]
        return found

    async def submitted(self, consumer: str) -> str:
        """Start an application and submit it; return its id."""
        application = await self.start(consumer)
        await self.ask(SUBMIT, consumer, {"id": application})
        return application

    async def add_key(self, slug: str, *scopes: Scope) -> str:
        """Give an agency another key, as another process does; return its secret."""
        async with open_workspace(self.home) as workspace:
            return await add_key(workspace, self.agencies[slug], scopes)

    async def revoke(self, secret: str) -> None:
        """Revoke a key, as another process does."""
        async with open_workspace(self.home) as workspace:
            found = await workspace.directory.api_key_by_hash(secret_hash(secret))
            assert found is not None
            agency_id, key = found
            ended = replace(key, revoked_at=datetime.now(UTC))
            audit = cli_audit("key revoke", subject=key.id, reason="test")
            await workspace.directory.replace_api_key(agency_id, ended, audit)

    async def ledger(self, slug: str) -> list[AuditLine]:
        """Return an agency's audit lines, once none waits any more."""
        parts, agency = self.app.state.parts, self.agencies[slug]
        async with parts.stores.lease(agency) as store:
            await store.flush_reads()
            async with asyncio.timeout(PATIENCE):
                while await store.audit_lines(None, 1):  # noqa: ASYNC110 -- told by nobody
                    await asyncio.sleep(0.02)
            return [one.line for one in await store.ledger.lines(limit=1000)]

    async def suspend(self, slug: str) -> None:
        """Suspend an agency, as another process does."""
        agency = replace(self.agencies[slug], status=AgencyStatus.SUSPENDED)
        async with open_workspace(self.home) as workspace:
            audit = cli_audit("agency suspend", subject=f"agency_{agency.id}", reason="test")
            await workspace.directory.update_agency(agency, audit)

    async def change(self, credential: str, application: str, to: str) -> int:
        """Change an application, and return its version."""
        data = await self.ask(CHANGE, credential, {"id": application, "to": to})
        version: int = data["updateApplication"]["version"]
        return version


def headers_of(credential: str) -> dict[str, str]:
    """Return the headers that carry a token or an API key."""
    if credential.startswith("da2-"):
        return {"x-api-key": credential}
    return {"Authorization": credential}


class Serves(Protocol):
    """What serves at an address."""

    @property
    def url(self) -> str:
        """Return the address."""
        ...


class Live:
    """A WebSocket client that says what it is told, and keeps what it hears."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    @classmethod
    async def open(
        cls,
        house: "Serves",
        *subprotocols: str,
        path: str = "/graphql/realtime",
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Connect."""
        address = house.url.replace("http://", "ws://") + path
        socket = await connect(
            address,
            subprotocols=subprotocols,  # type: ignore[arg-type]  # names of text
            additional_headers=headers,
            compression=None,
            max_size=None,
            close_timeout=1,
        )
        return cls(socket)

    async def say(self, **frame: Any) -> None:
        """Send a frame."""
        await self.socket.send(json.dumps(frame))

    async def hear(self, *, passing: tuple[str, ...] = ("ka",)) -> Any:
        """Return the next frame that is not of those types."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = json.loads(await self.socket.recv())
                if frame["type"] not in passing:
                    return frame

    async def closed(self) -> tuple[int, str]:
        """Return how the connection was closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.socket.recv()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


@asynccontextmanager
async def open_house(home: Path, **settings: object) -> AsyncIterator[House]:
    """Run a gateway; keywords are settings, with `__` for the dot of a block."""
    key_sets = KeySetServer(("harbor", "summit"))
    with key_sets.serving():
        agencies, keys = {}, {}
        async with open_workspace(home, create=True) as workspace:
            for slug, signer in key_sets.signers.items():
                agency = agencies[slug] = await add_agency(
                    workspace,
                    slug=slug,
                    name=slug.title(),
                    states=("MI",),
                    pools=(Pool(issuer=signer.issuer, client_ids=(CLIENT,)),),
                    reason="test",
                )
                keys[slug] = await add_key(workspace, agency, Scope)
        given = {name.replace("__", "."): value for name, value in settings.items()}
        config = load_config(
            {"ALMONER_HOME": str(home), "ALMONER_SLOW_REQUEST_MS": "300000"},
            {"linger_ms": 0, "drain_seconds": 1, **given},
            command="serve",
        )
        app = create_app(config)
        with bind("127.0.0.1", 0) as listener:
            async with (
                gateway_server(app, listener, config) as server,
                httpx.AsyncClient(timeout=PATIENCE) as client,
            ):
                yield House(
                    app=app,
                    url=server.url,
                    home=home,
                    agencies=agencies,
                    keys=keys,
                    signers=key_sets.signers,
                    client=client,
                )
