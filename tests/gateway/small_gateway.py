"""A gateway over a schema of a few fields, with fakes of what stands behind the stages."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import strawberry
from graphql import GraphQLError

from domain.access import AccessGrant, Principal
from domain.actors import Group, PrincipalKind
from domain.agencies import Agency, AgencyStatus
from domain.audit import AuditLine
from domain.errors import (
    FieldFault,
    Forbidden,
    InvalidInput,
    RateLimited,
    StoreUnavailable,
    Unauthenticated,
    UpstreamTimeout,
    VersionConflict,
)
from gateway.app import create_app
from gateway.budgets.opening import open_budgets
from gateway.config import Config, load_config
from gateway.front import Gateway
from gateway.identity.credentials import Credential, Occasion
from gateway.metrics import Metrics
from gateway.parts import Parts
from gateway.secrets import Secrets
from gateway.trusted_documents import open_trusted_documents
from resolvers.context import NO_VENDORS, RequestContext, Vendors
from tenants.directory.port import Directory
from tenants.store import AgencyStore

COUNSELOR = "counselor.harbor.token"
OPERATOR = "operator.almoner.token"
SUSPENDED = "counselor.closed.token"
STRANGER = "counselor.unknown.token"
BROKEN_STORE = "counselor.broken.token"
OTHER_COUNSELOR = "counselor2.harbor.token"
MACHINE = "machine.harbor.key"
SECRET_VALUE = "666-48-4418"

HARBOR = Agency(id="1", slug="harbor", name="Harbor", states=("MI",), store_url="x:", pools=())
CLOSED = dataclasses.replace(HARBOR, id="2", slug="closed", status=AgencyStatus.SUSPENDED)
BROKEN = dataclasses.replace(HARBOR, id="3", slug="broken")


def principal(agency_id: str | None, kind: PrincipalKind, group: Group) -> Principal:
    """Return somebody who may ask for an hour."""
    return Principal(
        kind=kind,
        subject="subject-1",
        display_name="Nora",
        agency_id=agency_id,
        group=group,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


PRINCIPALS: Mapping[str, Principal] = {
    COUNSELOR: principal(HARBOR.id, PrincipalKind.COUNSELOR, Group.COUNSELORS),
    SUSPENDED: principal(CLOSED.id, PrincipalKind.COUNSELOR, Group.COUNSELORS),
    STRANGER: principal("nowhere", PrincipalKind.COUNSELOR, Group.COUNSELORS),
    BROKEN_STORE: principal(BROKEN.id, PrincipalKind.COUNSELOR, Group.COUNSELORS),
    OTHER_COUNSELOR: dataclasses.replace(
        principal(HARBOR.id, PrincipalKind.COUNSELOR, Group.COUNSELORS), subject="subject-2"
    ),
    MACHINE: dataclasses.replace(
        principal(HARBOR.id, PrincipalKind.INTEGRATION, Group.COUNSELORS),
        subject="key_1",
        group=None,
    ),
    OPERATOR: principal(None, PrincipalKind.OPERATOR, Group.OPERATORS),
}


@dataclass(slots=True)
class World:
    """What resolvers of the small schema leave behind, for tests to look at."""

    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    audit: list[tuple[str | None, AuditLine]] = field(default_factory=list)
    leased: int = 0
    directory_answers: bool = True
    grants: dict[str, list[AccessGrant]] = field(default_factory=dict)
    release: asyncio.Event = field(default_factory=asyncio.Event)


class FakeAuthenticator:
    """Knows seven credentials by heart."""

    async def authenticate(self, credential: Credential, occasion: Occasion) -> Principal:
        """Return whose token it is."""
        if credential.value not in PRINCIPALS:
            raise Unauthenticated
        return PRINCIPALS[credential.value]


@dataclass(slots=True)
class FakeDirectory:
    """Three agencies; one is suspended."""

    world: World

    async def agency(self, agency_id: str) -> Agency | None:
        """Return the agency."""
        return {a.id: a for a in (HARBOR, CLOSED, BROKEN)}.get(agency_id)

    async def record_audit(self, agency_id: str | None, line: AuditLine) -> None:
        """Keep the line."""
        self.world.audit.append((agency_id, line))

    async def agency_by_slug(self, slug: str) -> Agency | None:
        """Return the agency."""
        return {a.slug: a for a in (HARBOR, CLOSED, BROKEN)}.get(slug)

    async def open_access_grants(
        self, agency_id: str, grantee_id: str, at: datetime
    ) -> list[AccessGrant]:
        """Return the operator's grants that have not ended."""
        return [
            grant
            for grant in self.world.grants.get(agency_id, ())
            if grant.grantee.id == grantee_id and at < grant.ended_at
        ]

    async def operator_pool(self) -> None:
        """Answer, as long as the directory can be read."""
        if not self.world.directory_answers:
            raise StoreUnavailable


@dataclass(slots=True)
class FakeStores:
    """Leases stores that hold nothing."""

    world: World

    @asynccontextmanager
    async def lease(self, agency: Agency) -> AsyncIterator[AgencyStore]:
        """Lease the agency's store."""
        if agency is BROKEN:
            raise StoreUnavailable
        self.world.leased += 1
        try:
            yield cast("AgencyStore", None)
        finally:
            self.world.leased -= 1


class WithoutVendors:
    """No agency has any vendor."""

    def of(self, agency: Agency) -> Vendors:
        """Return none."""
        del agency
        return NO_VENDORS


@strawberry.input
class LineInput:
    """A line."""

    amount: int
    note: str | None = None


@strawberry.input
class BudgetInput:
    """Some lines."""

    lines: list[LineInput]


def small_schema(world: World) -> strawberry.Schema:  # noqa: C901 - a function a field
    """Return a schema whose resolvers do what their names say."""

    @strawberry.type
    class Node:
        name: str = "node"

        @strawberry.field
        def child(self) -> "Node":
            return Node()

        @strawberry.field
        def forbidden(self) -> str | None:
            raise Forbidden

    # Its own annotations are looked up by name in the module.
    globals()["Node"] = Node

    @strawberry.type
    class Query:
        @strawberry.field
        def hello(self, name: str = "world") -> str:
            return f"hello {name}"

        @strawberry.field
        def node(self) -> Node | None:
            return Node()

        @strawberry.field
        def agency(self, info: strawberry.Info[RequestContext, None]) -> str | None:
            return info.context.agency.slug if info.context.agency else None

        @strawberry.field
        def source_ip(self, info: strawberry.Info[RequestContext, None]) -> str | None:
            return info.context.request.source_ip

        @strawberry.field
        def boom(self) -> str | None:
            raise ValueError(f"the number is {SECRET_VALUE}")

        @strawberry.field
        def raised_by_core(self) -> str | None:
            raise GraphQLError(f"the number is {SECRET_VALUE}")

        @strawberry.field
        def never_null(self) -> str:
            return cast("str", None)

        @strawberry.field
        def store_down(self) -> str | None:
            raise StoreUnavailable(retry_after_seconds=7)

        @strawberry.field
        def too_fast(self) -> str | None:
            raise RateLimited(retry_after_seconds=3)

        @strawberry.field
        def vendor(self) -> str | None:
            raise UpstreamTimeout(vendor="transunion", retryable=True)

        @strawberry.field
        def conflict(self) -> str | None:
            raise VersionConflict(current_version=9)

        @strawberry.field
        def faults(self) -> str | None:
            raise InvalidInput([FieldFault(path="input.a", code="REQUIRED", message="Needed.")])

        @strawberry.field
        def add(self, input: BudgetInput) -> int:
            return sum(line.amount for line in input.lines)

        @strawberry.field
        async def wait(self, seconds: float = 30) -> str:
            return await _wait(world, "query", seconds)

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def change(self, seconds: float = 0) -> str:
            return await _wait(world, "mutation", seconds)

        @strawberry.mutation
        async def fail_late(self, seconds: float = 0) -> str | None:
            await _wait(world, "late failure", seconds)
            raise ValueError(SECRET_VALUE)

        @strawberry.mutation
        def store_down(self) -> str | None:
            raise StoreUnavailable

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def ticks(self) -> AsyncGenerator[int, None]:
            yield 1

    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)


async def _wait(world: World, name: str, seconds: float) -> str:
    world.begun.append(name)
    try:
        await asyncio.wait_for(world.release.wait(), seconds) if seconds else None
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        world.cancelled.append(name)
        raise
    world.done.append(name)
    return name


def small_config(command: str = "serve", **overrides: object) -> Config:
    """Return a configuration; keywords are settings, with `__` for the dot of a block.

    No request is so slow that it is logged for it, however busy the machine, unless a test says so.
    """
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    patient = {"ALMONER_HOME": "unused", "ALMONER_SLOW_REQUEST_MS": "300000"}
    return load_config(patient, given, command=command)


def small_app(
    world: World,
    config: Config | None = None,
    *,
    authenticator: FakeAuthenticator | None = None,
    schema: strawberry.Schema | None = None,
    **overrides: Any,
) -> Gateway:
    """Return the gateway over the small schema, or another one; budgets and files are real."""

    @asynccontextmanager
    async def open_fakes(config: Config, metrics: Metrics) -> AsyncIterator[Parts]:
        async with (
            open_budgets(config, metrics, Secrets({})) as budgets,
            open_trusted_documents(
                config.trusted_documents, config.limits, untrusted=metrics.document_untrusted
            ) as trusted,
        ):
            yield Parts(
                authenticator=authenticator or FakeAuthenticator(),
                directory=cast("Directory", FakeDirectory(world)),
                stores=FakeStores(world),
                vendors=WithoutVendors(),
                budgets=budgets,
                trusted=trusted,
            )

    return create_app(
        config or small_config(),
        schema=schema or small_schema(world),
        parts=open_fakes,
        **overrides,
    )


@asynccontextmanager
async def client_of(
    app: Gateway, token: str | None = COUNSELOR
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that speaks to the application without a network."""
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 4711))
    headers = {"Authorization": token} if token else {}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://gateway.test", headers=headers
        ) as client,
    ):
        yield client
