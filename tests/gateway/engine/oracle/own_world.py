"""An agency twice: the same ids, keys and records in two places, asked by every kind of principal.

What one executor does to one of them, the other does to the other, so that also what they change
can be compared.
"""

import itertools
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from domain.access import AccessGrant, ApiKey, Principal, Scope
from domain.actors import KIND_OF_GROUP, Actor, Group, PrincipalKind
from domain.agencies import Agency, Pool, Staff
from domain.applications import ApplicationStatus
from domain.ids import new_ulid
from gateway.agency import settle_agency
from resolvers.context import RequestContext
from tenants.directory.sqlite import open_directory
from tenants.keys.keyring import AgencyKeys
from tenants.records.blobs import FileBlobs
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.isolation import people, planting
from tests.isolation.canaries import Canaries
from tests.isolation.operations import Ids
from tests.isolation.planting import Planter
from tests.isolation.targets import (
    CONSUMERS,
    QUEUED,
    ROOTS,
    SHARED,
    TWIN,
    Spare,
    ids_of,
    planted,
    shared_record,
    typed_in,
)
from tests.isolation.typed import CONSENTS, Typed
from tests.resolvers.world import START, CountingBackend, World, line
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT

HINT = "harbor"
FILES, AGENCY, NOTHING = (
    f"operator with grants over {what}" for what in ("a file", "all", "nothing")
)
OPERATORS: Mapping[str, tuple[Scope, ...]] = {
    FILES: (Scope.APPLICATIONS_READ, Scope.CONSUMERS_READ),
    AGENCY: (
        Scope.AGENCY_READ,
        Scope.APPLICATIONS_READ,
        Scope.AUDIT_READ,
        Scope.CONSUMERS_READ,
        Scope.CREDIT_READ,
    ),
    NOTHING: (),
}
ROLES = (
    *people.GROUPS,
    *(role for role in people.SCOPES if role != people.REVOKED_KEY),
    *OPERATORS,
)
"""Every kind of principal: consumers with and without something of their own, counselors with and
without grants and long signed in, admins, analysts, machines by their scopes, operators with grants
over a file, over the agency and without."""
MAKERS = (
    planting.CONSUMER_ROLE,
    planting.SHARING_CONSUMER,
    planting.COUNSELOR,
    planting.ADMIN,
    planting.KEY,
)
"""Those who may change most."""

SPARE = Spare(
    key=f"key_{new_ulid(AT, randomness=50)}", staff=f"staff_{new_ulid(AT, randomness=102)}"
)
TARGETS = (TWIN, QUEUED, SHARED)
_STALE = timedelta(minutes=50)


@dataclass(slots=True)
class Place:
    """One of the two. ids: what operations name, by whose it is. principals: by role."""

    world: World
    ids: Mapping[str, Ids]
    typed: Typed
    principals: Mapping[str, Principal]

    def context(self, role: str) -> RequestContext:
        """Return the context of a request of a role's, with a guard and loaders of its own."""
        return self.world.context(self.principals[role], named=role in OPERATORS)


@asynccontextmanager
async def open_places(path: Path) -> AsyncIterator[tuple[Place, Place]]:
    """Open the two; they are equal."""
    agency = Agency(
        id=new_ulid(AT, randomness=1_000),
        slug=HINT,
        name="Harbor Counseling",
        states=("MI", "OH"),
        store_url="sqlite:harbor.db",
        website="https://harbor.test",
        pools=(Pool(issuer="https://issuer.test/harbor", client_ids=("almonerweb",)),),
    )
    keys = random_agency_keys()
    async with _opened(path / "a", agency, keys) as one, _opened(path / "b", agency, keys) as two:
        yield one, two


@asynccontextmanager
async def _opened(path: Path, agency: Agency, keys: AgencyKeys) -> AsyncIterator[Place]:
    path.mkdir()  # noqa: ASYNC240 -- nobody else waits for the loop
    sqlite = open_sqlite(path / "store.db", keys.store_key, agency.id, create=True)
    directory = open_directory(path / "directory.db", b"d" * 32, create=True, clock=lambda: START)
    store = AgencyStore(
        CountingBackend(sqlite),
        keys,
        agency.id,
        clock=lambda: START,
        blobs=FileBlobs(path / "blobs"),
    )
    backend: Any = store._backend
    world = World(agency=agency, backend=backend, store=store, directory=directory)
    try:
        await directory.add_agency(agency, (), line(START))
        planter = Planter(HINT, Canaries(random.Random(7)), START, actors=_actors())
        await _hire(world)
        ids = await _fill(world, planter)
        typed = typed_in(planter, agency, 0)
        yield Place(world, ids, typed, await _principals(world))
    finally:
        await store.aclose()
        await directory.aclose()


def _actors() -> dict[str, Actor]:
    """Return who is named in records, by kind."""
    subjects = {
        PrincipalKind.COUNSELOR: people.SUBJECTS[planting.COUNSELOR],
        PrincipalKind.ADMIN: people.SUBJECTS[planting.ADMIN],
    }
    return {
        kind.value: Actor(id=subjects.get(kind, "sub-nobody"), kind=kind, display_name=kind.value)
        for kind in PrincipalKind
    }


async def _hire(world: World) -> None:
    """Add staff, and a key."""
    for number, role in enumerate(people.STAFF):
        member = Staff(
            id=f"staff_{new_ulid(AT, randomness=100 + number)}",
            subject=people.SUBJECTS[role],
            display_name=f"A {role}",
            email=f"{number}@staff.test",
            group=people.GROUPS[role],
        )
        await world.directory.put_staff(world.agency.id, member, line(START))
    key = ApiKey(
        id=SPARE.key,
        name="ci",
        prefix="da2-spare",
        hash="0" * 64,
        scopes=frozenset(Scope),
        created_by=_actors()[PrincipalKind.ADMIN.value],
        created_at=START,
        expires_at=START + timedelta(days=90),
    )
    await world.directory.add_api_key(world.agency.id, key, line(START))


async def _fill(world: World, planter: Planter) -> dict[str, Ids]:
    """Write records of every kind under each target, and the operators' grants."""
    ids: dict[str, Ids] = {}
    for target in TARGETS:
        consumer, application = CONSUMERS[target], ROOTS[target]
        await _keep(world, planter, *planted(planter, target, consumer, application))
        request = f"grant_{new_ulid(AT, randomness=500 + len(ids))}"
        ids[target] = ids_of(world.agency, consumer, application, request, SPARE)
    for turn, status in enumerate(ApplicationStatus):
        await _keep(world, planter, *_shared(planter, turn, status))
    for grant in _operators_grants(ids):
        await world.directory.put_access_grant(world.agency.id, grant, line(START))
    return ids


def _operators_grants(ids: Mapping[str, Ids]) -> Iterator[AccessGrant]:
    """Yield what operators hold, and what they ask for: a request over each target."""
    numbers = itertools.count(400)
    for role, scopes in OPERATORS.items():
        subject = ids[TWIN].application if role == FILES else None
        for scope in scopes:
            grant_id = f"grant_{new_ulid(AT, randomness=next(numbers))}"
            yield replace(_requested(grant_id, role, scope, subject), approved_at=START)
    for one in ids.values():
        yield _requested(one.request, FILES, Scope.APPLICATIONS_READ, one.application)


def _requested(grant_id: str, role: str, scope: Scope, subject: str | None) -> AccessGrant:
    return AccessGrant(
        id=grant_id,
        grantee=Actor(id=f"sub-{role}", kind=PrincipalKind.OPERATOR, display_name=role),
        scope=scope,
        subject=subject,
        reason="A reason",
        requested_at=START,
        minutes=60,
        expires_at=START + timedelta(minutes=60),
    )


def _shared(planter: Planter, turn: int, status: ApplicationStatus) -> Iterator[Any]:
    """Yield one more application of one consumer's, with several of what lies under it."""
    yield shared_record(planter, "application", turn, status=status, assignment=None)
    yield shared_record(planter, "credit_report", turn)
    for number in range(1, turn % 4):
        yield shared_record(planter, "note", turn, number=number)
    for number in range(1, CONSENTS + 1 if turn == 0 else turn % 3):
        yield shared_record(planter, "consent", turn, number=number, used_at=None, ssn_index=None)


async def _keep(world: World, planter: Planter, *records: Any) -> None:
    while planter.files:
        await world.store.blobs.put(*planter.files.popitem())
    await world.store.commit(Change(put=records))


async def _principals(world: World) -> dict[str, Principal]:
    """Return who asks, by role, as stage 3 leaves them."""
    found = {}
    for role in ROLES:
        settled = await settle_agency(
            _principal(world, role),
            HINT if role in OPERATORS else None,
            world.directory,
            at=START,
        )
        found[role] = settled.principal
    return found


def _principal(world: World, role: str) -> Principal:
    if role in people.SCOPES:
        machine = world.key(*people.SCOPES[role])
        return replace(machine, subject=f"key_{new_ulid(AT, randomness=len(role))}")
    if role in OPERATORS:
        return world.person(Group.OPERATORS, subject=f"sub-{role}")
    signed_in = START - (_STALE if role == planting.STALE_COUNSELOR else timedelta(seconds=5))
    person = world.person(people.GROUPS[role], subject=people.SUBJECTS[role])
    assert person.kind is KIND_OF_GROUP[people.GROUPS[role]]
    return replace(person, authenticated_at=signed_in, display_name=f"A {role}")
