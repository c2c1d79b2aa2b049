"""One agency on a real store and a real directory, asked through the schema as each principal."""

import asyncio
import functools
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from graphql import GraphQLError, parse, validate

from domain.access import Principal, Scope
from domain.actors import KIND_OF_GROUP, Actor, Group, PrincipalKind
from domain.agencies import Agency, Pool, Staff
from domain.applications import Application, ApplicationStatus
from domain.audit import AuditLine
from domain.consumers import Address, Consumer, PersonName
from domain.credit import CreditBureau, CreditFile, CreditSubject, FileHit, PulledFile, PullKind
from domain.documents import DocumentTerms
from domain.errors import GatewayError
from domain.ids import new_ulid
from gateway.agency import settle_agency
from gateway.engine.documents import Operation, choose_operation
from gateway.engine.encoding import encode
from gateway.engine.executing import Execution
from resolvers.assignments import new_assignment
from resolvers.audit_lines import leave_lines
from resolvers.context import NO_VENDORS, RequestContext, RequestMeta, Vendors, open_context
from schema.build import core_schema, create_schema, field_names
from tenants.backend import StoreBackend
from tenants.directory.port import AgencyDirectory
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tenants.records.blob_places import BlobPlaces
from tenants.records.blobs import FileBlobs
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.resolvers.banks import Banks
from tests.tenants.keys.key_samples import random_agency_keys

SCHEMA = create_schema()
CORE = core_schema(SCHEMA)
FIELD_NAMES = field_names(CORE)
START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
EXECUTION = Execution(CORE, sights=0)
_NUMBERS = itertools.count(1)


@functools.cache
def _checked(document: str) -> Operation | list[GraphQLError]:
    """Return a document's operation, or what is wrong with it; most are asked many times."""
    try:
        tree = parse(document)
    except GraphQLError as error:
        return [error]
    return validate(CORE, tree) or Operation(tree, choose_operation(tree, None))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: data, and each error's code by its path."""

    data: dict[str, Any] | None
    errors: list[GraphQLError]

    @property
    def codes(self) -> dict[str, str]:
        """Return the code of each error by its path; `GRAPHQL` for what is none of ours."""
        return {
            ".".join(str(step) for step in error.path or ()): (
                error.original_error.code
                if isinstance(error.original_error, GatewayError)
                else "GRAPHQL"
            )
            for error in self.errors
        }

    @property
    def code(self) -> str | None:
        """Return the code of the only error, None where there is none."""
        assert len(self.errors) <= 1, self.errors
        return next(iter(self.codes.values()), None)

    @property
    def faults(self) -> dict[str, str]:
        """Return the code of each input fault by its path."""
        details = self.error.details()
        fields: Any = details["fields"]
        return {fault["path"]: fault["code"] for fault in fields}

    @property
    def error(self) -> GatewayError:
        """Return the only error, which is one of ours."""
        (error,) = self.errors
        assert isinstance(error.original_error, GatewayError), error
        return error.original_error

    def __getitem__(self, name: str) -> Any:
        """Return a root field's value of an answer without errors."""
        assert not self.errors, self.errors
        assert self.data is not None
        return self.data[name]


_NO_READS = frozenset({"commit", "epoch"})


class CountingBackend:
    """Counts the calls to a backend, and fails those commits that a test wants to fail."""

    def __init__(self, backend: StoreBackend) -> None:
        self._backend = backend
        self.calls: Counter[str] = Counter()
        self.failing: list[BaseException | None] = []
        self.going = asyncio.Event()
        self.going.set()

    @property
    def reads(self) -> Counter[str]:
        """Return the calls that read; what a request reads, it leaves a line of by a commit."""
        counted = self.calls.items()
        return Counter({name: count for name, count in counted if name not in _NO_READS})

    def __getattr__(self, name: str) -> Any:
        """Return the backend's method, counted."""
        method = getattr(self._backend, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return method(*arguments, **options)

        return counted

    async def commit(self, unit: Any, *, at: datetime) -> None:
        """Commit, or raise what stands first in `failing`; None there lets one commit pass.

        Nothing is committed while `going` is not set: so long the disk hangs.
        """
        self.calls["commit"] += 1
        await self.going.wait()
        failure = self.failing.pop(0) if self.failing else None
        if failure is not None:
            raise failure
        await self._backend.commit(unit, at=at)


@dataclass(slots=True)
class Bureau(CreditBureau):
    """A bureau that answers what a test has put there, and remembers what it was asked."""

    name: str = "TransUnion"
    raw: bytes = b"<answer/>"
    answers: list[CreditFile | BaseException] = field(default_factory=list)
    asked: list[tuple[CreditSubject, PullKind, str]] = field(default_factory=list)

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Answer the next file, or raise the next error; without any, a file without lines."""
        self.asked.append((subject, kind, reference))
        answer = self.answers.pop(0) if self.answers else CreditFile(hit=FileHit.NO_HIT)
        if isinstance(answer, BaseException):
            raise answer
        return PulledFile(file=answer, raw=self.raw, media_type="text/xml")


@dataclass(slots=True)
class World:
    """An agency, its store and its directory; `now` is the moment that everything happens at."""

    agency: Agency
    backend: CountingBackend
    store: AgencyStore
    directory: SqliteDirectory
    bureau: Bureau = field(default_factory=Bureau)
    banks: Banks = field(default_factory=Banks)
    now: datetime = START
    allow_test_ssn: bool = False
    documents: DocumentTerms = field(default_factory=DocumentTerms)

    def context(
        self,
        principal: Principal,
        *,
        idempotency_key: str | None = None,
        named: bool = False,
    ) -> RequestContext:
        """Return the context of one request of the principal's, who may have named the agency."""
        belongs = principal.agency_id is not None or bool(principal.grants)
        return open_context(
            principal,
            self.agency if belongs else None,
            self.store if belongs else None,
            AgencyDirectory(self.directory, self.agency) if belongs or named else None,
            Vendors(credit=self.bureau, banks=self.banks) if belongs else NO_VENDORS,
            RequestMeta(
                id="request-1",
                at=self.now,
                source_ip="203.0.113.7",
                idempotency_key=idempotency_key,
                allow_test_ssn=self.allow_test_ssn,
                documents=self.documents,
            ),
        )

    async def ask(
        self,
        principal: Principal,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        hint: str | None = None,
        flush: bool = True,
    ) -> Answer:
        """Execute a document for a principal, by its plan, and leave the lines that it leaves.

        Where these cannot be taken there is no answer but their error. hint: what x-agency says.
        flush: write the lines that may wait after the answer, so that nothing is written behind a
        test's back; without it the store is as it is when the answer leaves.
        """
        settled = await settle_agency(principal, hint, self.directory, at=self.now)
        context = self.context(
            settled.principal,
            idempotency_key=idempotency_key,
            named=settled.named is not None,
        )
        operation = _checked(document)
        if isinstance(operation, list):
            return Answer(None, operation)
        outcome = await EXECUTION.run(operation, variables or {}, context)
        changes = document.lstrip().startswith("mutation")
        try:
            await leave_lines(context, FIELD_NAMES, self.directory, changes=changes)
        except GatewayError as error:
            return Answer(None, [GraphQLError(error.message, original_error=error)])
        if flush:
            await self.store.flush_reads()
        return Answer(json.loads(encode(outcome.data)), outcome.errors)

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def person(self, group: Group, *, subject: str | None = None) -> Principal:
        """Return a principal of a group, signed in just now."""
        return Principal(
            kind=KIND_OF_GROUP[group],
            subject=subject or f"{group.value}-{next(_NUMBERS)}",
            display_name=f"A {group.value[:-1]}",
            agency_id=None if group is Group.OPERATORS else self.agency.id,
            group=group,
            authenticated_at=self.now,
            expires_at=self.now + timedelta(hours=1),
        )

    def key(self, *scopes: Scope) -> Principal:
        """Return a machine with these scopes; all, where none are named."""
        return Principal(
            kind=PrincipalKind.INTEGRATION,
            subject=f"key_{new_ulid()}",
            display_name="A machine",
            agency_id=self.agency.id,
            group=None,
            scopes=frozenset(scopes or Scope),
            expires_at=self.now + timedelta(days=1),
        )

    async def put(self, *records: Any) -> tuple[Any, ...]:
        """Write records as they are."""
        return await self.store.commit(Change(put=records))

    async def add_consumer(self, subject: str | None = None, **known: Any) -> Consumer:
        """Write a consumer of whom enough is known for everything."""
        consumer = Consumer(
            id=f"con_{new_ulid(self.now)}",
            created_at=self.now,
            updated_at=self.now,
            subject=subject,
            **{**KNOWN, **known},
        )
        return (await self.put(consumer))[0]  # type: ignore[no-any-return]  # as put

    async def add_application(
        self, consumer: Consumer, status: ApplicationStatus = ApplicationStatus.DRAFT, **more: Any
    ) -> Application:
        """Write an application of a consumer's, in a status."""
        submitted = None if status is ApplicationStatus.DRAFT else self.now
        application = Application(
            id=f"app_{new_ulid(self.now)}",
            consumer_id=consumer.id,
            status=status,
            state="MI",
            created_at=self.now,
            updated_at=self.now,
            **{"submitted_at": submitted, **more},
        )
        return (await self.put(application))[0]  # type: ignore[no-any-return]  # as put

    async def assign(self, application: Application, counselor: Principal) -> Application:
        """Give a counselor the application, with the grant that goes with it."""
        assignment, grant = new_assignment(
            self.context(counselor), application.id, reason="Claimed"
        )
        written = await self.put(replace(application, assignment=assignment), grant)
        return written[0]  # type: ignore[no-any-return]  # as put

    async def add_staff(self, principal: Principal, *, active: bool = True) -> Staff:
        """Write a member of staff whom the principal is."""
        assert principal.group is not None
        staff = Staff(
            id=f"staff_{new_ulid()}",
            subject=principal.subject,
            display_name=principal.display_name,
            email=f"{principal.subject}@harbor.test",
            group=principal.group,
            active=active,
        )
        await self.directory.put_staff(self.agency.id, staff, line(self.now))
        return staff

    async def audit(self) -> list[AuditLine]:
        """Return the store's audit lines."""
        return await self.store.audit_lines(None, 1000)


KNOWN: dict[str, Any] = {
    "name": PersonName(given="Ada", family="Byron"),
    "email": "ada@mail.test",
    "phone": "415-555-2671",
    "date_of_birth": date(1980, 2, 29),
    "address": Address(line1="1 Main St", city="Roseville", state="MI", postal_code="48066"),
    "ssn": "219456789",
}


def line(at: datetime) -> AuditLine:
    """Return an audit line for what a test sets up."""
    actor = Actor(id="os:test", kind=PrincipalKind.OPERATOR, display_name="A test")
    return AuditLine(id=new_ulid(at), at=at, actor=actor, action="cli:test", request_id="test")


@asynccontextmanager
async def open_world(
    path: Path, name: str = "harbor", *, blobs: BlobPlaces | None = None
) -> AsyncIterator[World]:
    """Open an agency of its own under `path`; its files are there too, or in other places."""
    agency = Agency(
        id=new_ulid(),
        slug=name,
        name=f"{name.capitalize()} Credit Counseling",
        states=("MI", "OH"),
        store_url=f"sqlite:{name}.db",
        pools=(Pool(issuer=f"https://issuer.test/{name}", client_ids=("almonerweb",)),),
    )
    keys = random_agency_keys()
    made: list[World] = []

    def clock() -> datetime:
        return made[0].now if made else START

    sqlite = open_sqlite(path / f"{name}.db", keys.store_key, agency.id, create=True)
    directory = open_directory(path / f"{name}-dir.db", b"d" * 32, create=True, clock=clock)
    await directory.add_agency(agency, (), line(START))
    backend = CountingBackend(sqlite)
    files = blobs.of(agency.id) if blobs else FileBlobs(path / "blobs" / name)
    store = AgencyStore(backend, keys, agency.id, clock=clock, blobs=files)
    world = World(agency=agency, backend=backend, store=store, directory=directory)
    made.append(world)
    try:
        yield world
    finally:
        await store.aclose()
        await directory.aclose()


def nodes(connection: Mapping[str, Any]) -> list[Any]:
    """Return the nodes of a connection."""
    return [edge["node"] for edge in connection["edges"]]
