"""Three agencies that differ in their canaries alone: same ids, same subjects, same addresses.

All of it is real: directory and stores in encrypted files, tokens signed by three user pools whose
key sets are fetched over loopback, API keys, and the gateway in this process, asked as a server
would ask it. Only the credit bureau is made up.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.access import ApiKey, Scope
from domain.actors import Actor, Group, PrincipalKind
from domain.agencies import Agency, AgencyStatus, Pool, Staff
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from domain.errors import VersionConflict
from domain.ids import new_ulid
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import Workspace, open_workspace
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix
from tenants.directory.port import Directory, Revocation
from tenants.keys.keyring import unwrap_agency_keys
from tenants.records.kinds import Record
from tenants.store import AgencyStore, Change
from tests.gateway.identity.forge import CLIENT, Signer
from tests.isolation import planting
from tests.isolation.canaries import Canaries, Canary
from tests.isolation.operations import Ids
from tests.isolation.planting import AUDIENCES, COUNSELORS, MEMBERS, Cast, Planter
from tests.isolation.typed import CONSENTS, Typed
from tests.tenants.record_samples import AT, child

AGENCIES = ("harbor", "summit", "cedar")
SOMETIMES_SUSPENDED = "cedar"
OPERATORS = "operators"

TWIN, QUEUED, SHARED, ELSEWHERE = "twin", "queued", "shared", "elsewhere"
TARGETS = (TWIN, QUEUED, SHARED, ELSEWHERE)
"""Whose objects an operation names: those with the same ids in every agency (a claimed one, one in
the queue, one that everybody works on), and those that another agency alone has."""

OPERATOR, OPERATOR_HINT = "operator", "operator with x-agency"
FOREIGN_HINT = "counselor with another agency's x-agency"
FORGED, FORGED_ID = "forged by another pool", "forged by another pool under the right key id"
REVOKED_KEY, NO_CREDENTIAL = "revoked key", "no credential"
REFUSED = (FOREIGN_HINT, FORGED, FORGED_ID, REVOKED_KEY, NO_CREDENTIAL)
ROLES = (*sorted(MEMBERS), OPERATOR, OPERATOR_HINT, *REFUSED)

_GROUPS = {
    planting.CONSUMER_ROLE: Group.CONSUMERS,
    planting.OTHER_CONSUMER: Group.CONSUMERS,
    planting.SHARING_CONSUMER: Group.CONSUMERS,
    planting.COUNSELOR: Group.COUNSELORS,
    planting.STALE_COUNSELOR: Group.COUNSELORS,
    planting.ENDING: Group.COUNSELORS,
    planting.OTHER_COUNSELOR: Group.COUNSELORS,
    planting.ADMIN: Group.ADMINS,
    planting.ANALYST: Group.ANALYSTS,
}
_SUBJECTS = {role: f"sub-{role.replace(' ', '-')}" for role in _GROUPS} | dict.fromkeys(
    COUNSELORS, "sub-counselor"
)
_SCOPES = {
    planting.KEY: frozenset(Scope),
    planting.AGENCY_KEY: frozenset({Scope.AGENCY_READ}),
    planting.WRITING_KEY: frozenset({Scope.APPLICATIONS_WRITE, Scope.CONSUMERS_WRITE}),
    REVOKED_KEY: frozenset(Scope),
}
_STAFF = (planting.COUNSELOR, planting.OTHER_COUNSELOR, planting.ADMIN, planting.ANALYST)
_ROOTS = {name: new_ulid(AT, randomness=7_000 + n) for n, name in enumerate(TARGETS)}
_CONSUMERS = {name: new_ulid(AT, randomness=8_000 + n) for n, name in enumerate(TARGETS)}
_CASTS = {
    TWIN: Cast(owner=planting.CONSUMER_ROLE, counselors=COUNSELORS),
    QUEUED: Cast(owner=planting.OTHER_CONSUMER),
    SHARED: Cast(
        owner=planting.SHARING_CONSUMER,
        counselors=COUNSELORS | {planting.OTHER_COUNSELOR},
        strict=False,
    ),
    ELSEWHERE: Cast(owner=None),
}
_OWNERS = {
    TWIN: planting.CONSUMER_ROLE,
    QUEUED: planting.OTHER_CONSUMER,
    SHARED: planting.SHARING_CONSUMER,
}
TOKEN_SECONDS = 3600


@dataclass(slots=True)
class Session:
    """A credential of a role in an agency (None for operators), as the headers that carry it.

    refused: from now on nothing is answered to it but a refusal.
    """

    role: str
    agency: str | None
    headers: tuple[tuple[bytes, bytes], ...]
    refused: bool
    jti: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must be said to nobody."""
        return tuple(value.decode() for name, value in self.headers if name != b"x-agency")


@dataclass(slots=True)
class House:
    """One agency of the world, as the campaign knows it."""

    agency: Agency
    planter: Planter
    keys: Mapping[str, str]
    file_key: bytes
    typed: Typed
    ids: dict[str, Ids] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    suspended: bool = False
    changes: int = 0  # of its status; odd while one is under way


@dataclass(slots=True)
class World:
    """The agencies, their canaries, and who asks."""

    home: Path
    directory_key: bytes
    signers: Mapping[str, Signer]
    canaries: Canaries
    houses: Mapping[str, House]
    operators: dict[str, Session] = field(default_factory=dict)
    turn: int = 0

    def copy_to(self, home: Path) -> "World":
        """Return a world of its own over a copy of the files; canaries found later are its own."""
        shutil.copytree(self.home, home)
        canaries = Canaries(
            random.Random(self.turn), dict(self.canaries._known), self.canaries._numbers.copy()
        )
        houses = {
            slug: replace(
                house,
                planter=replace(house.planter, canaries=canaries),
                ids=dict(house.ids),
                sessions=dict(house.sessions),
            )
            for slug, house in self.houses.items()
        }
        return replace(self, home=home, canaries=canaries, houses=houses, operators={})

    def session(self, role: str, agency: str) -> Session:
        """Return the current credential of a role in an agency."""
        return self.operators.get(role) or self.houses[agency].sessions[role]

    def sign_in(self) -> None:
        """Let everybody sign in anew."""
        for slug, house in self.houses.items():
            neighbor = self.houses[AGENCIES[AGENCIES.index(slug) - 1]]
            house.sessions = self._sessions(slug, house, neighbor)
        signer = self.signers[OPERATORS]
        for role, more in ((OPERATOR, ()), (OPERATOR_HINT, ((b"x-agency", b"summit"),))):
            token, _ = _token(signer, "sub-operator", Group.OPERATORS)
            headers = ((b"authorization", token.encode()), *more)
            self.operators[role] = Session(role, None, headers, refused=False)

    def _sessions(self, slug: str, house: House, neighbor: House) -> dict[str, Session]:
        own, other = self.signers[slug], self.signers[neighbor.agency.slug]
        sessions = {}
        for role, group in _GROUPS.items():
            age = 3000 if role == planting.STALE_COUNSELOR else 5
            token, jti = _token(own, _SUBJECTS[role], group, signed_in_seconds_ago=age)
            sessions[role] = Session(
                role, slug, ((b"authorization", token.encode()),), refused=False, jti=jti
            )
        for role, secret in house.keys.items():
            headers = ((b"x-api-key", secret.encode()),)
            sessions[role] = Session(role, slug, headers, refused=role == REVOKED_KEY)
        forged = {
            FORGED: replace(other, issuer=own.issuer),
            FORGED_ID: replace(other, issuer=own.issuer, key_id=own.key_id),
            FOREIGN_HINT: own,
        }
        for role, signer in forged.items():
            token, _ = _token(signer, "sub-counselor", Group.COUNSELORS)
            hint = ((b"x-agency", neighbor.agency.slug.encode()),) if role == FOREIGN_HINT else ()
            headers = ((b"authorization", token.encode()), *hint)
            sessions[role] = Session(role, slug, headers, refused=True)
        sessions[NO_CREDENTIAL] = Session(NO_CREDENTIAL, slug, (), refused=True)
        return sessions

    async def take_turn(self, directory: Directory, lease: Callable[[Agency], Any]) -> None:
        """Change what changes from turn to turn, while requests are under way.

        New shared objects come and the old ones go; one sign-in of each agency is revoked; one
        agency is suspended, or comes back.
        """
        self.turn += 1
        for house in self.houses.values():
            async with lease(house.agency) as store:
                await _renew_shared(house, store, self.turn)
            await self._end_sign_in(house, directory)
        house = self.houses[SOMETIMES_SUSPENDED]
        status = AgencyStatus.ACTIVE if house.suspended else AgencyStatus.SUSPENDED
        house.changes += 1
        await directory.update_agency(
            replace(house.agency, status=status),
            cli_audit("agency suspend", subject=None, reason="isolation"),
        )
        house.suspended = not house.suspended
        house.changes += 1

    async def _end_sign_in(self, house: House, directory: Directory) -> None:
        ending = house.sessions[planting.ENDING]
        assert ending.jti is not None
        now = datetime.now(UTC)
        await directory.revoke(
            house.agency.id,
            Revocation(
                kind="jti",
                value=ending.jti,
                at=now,
                expires_at=now + timedelta(seconds=TOKEN_SECONDS),
            ),
            cli_audit("token revoke", subject=None, reason="isolation"),
        )
        ending.refused = True  # whoever asks with it from here on


def _token(
    signer: Signer, subject: str, group: Group, *, signed_in_seconds_ago: int = 5
) -> tuple[str, str]:
    now, jti = int(datetime.now(UTC).timestamp()), f"jti-{new_ulid()}"
    token = signer.token(
        sub=subject,
        username=subject,
        cognito_groups=[group.value],
        iat=now - 5,
        auth_time=now - signed_in_seconds_ago,
        exp=now + TOKEN_SECONDS,
        jti=jti,
        origin_jti=f"origin-{jti}",
    )
    return token, jti


async def build_world(home: Path, signers: Mapping[str, Signer], seed: int) -> World:
    """Make a home folder with the agencies and all that is planted in them."""
    canaries = Canaries(random.Random(seed))
    now = datetime.now(UTC)
    async with open_workspace(home, create=True) as workspace:
        directory_key = workspace.keys.derive("directory")
        pool = Pool(issuer=signers[OPERATORS].issuer, client_ids=(CLIENT,))
        audit = cli_audit("operators", subject=None, reason="isolation")
        await workspace.directory.set_operator_pool(pool, audit)
        houses = {
            slug: await _found(workspace, slug, signers[slug], Planter(slug, canaries, now))
            for slug in AGENCIES
        }
        for slug, house in houses.items():
            neighbor = houses[AGENCIES[AGENCIES.index(slug) - 1]]
            house.ids[ELSEWHERE] = neighbor.ids.pop("own")
    for house in houses.values():
        house.ids.pop("own", None)
    return World(
        home=home,
        directory_key=directory_key,
        signers=signers,
        canaries=canaries,
        houses=houses,
    )


async def _found(workspace: Workspace, slug: str, signer: Signer, planter: Planter) -> House:
    """Make one agency, its staff, its keys and its records."""
    name = planter.plant("agency.name", planter.canaries.text(), subject="it", may=MEMBERS)
    site = planter.plant("agency.website", planter.canaries.text(), subject="it", may=MEMBERS)
    agency = await add_agency(
        workspace,
        slug=slug,
        name=f"{name} Counseling",
        states=("MI", "OH"),
        website=f"https://{site}.test",
        pools=(Pool(issuer=signer.issuer, client_ids=(CLIENT,)),),
        reason="isolation",
    )
    staff = await _hire(workspace.directory, agency, planter)
    keys, spare = await _give_keys(workspace.directory, agency, planter)
    wrapped = await workspace.directory.wrapped_keys(agency.id)
    unwrapped = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
    house = House(
        agency=agency,
        planter=planter,
        keys=keys,
        file_key=unwrapped.store_key,
        typed=_typed(planter, agency, 0),
    )
    own = f"{AGENCIES.index(slug) + 1:02}"
    places = {name: (_CONSUMERS[name], _ROOTS[name]) for name in (TWIN, QUEUED, SHARED)}
    places["own"] = (
        new_ulid(AT, randomness=int(f"9{own}1")),
        new_ulid(AT, randomness=int(f"9{own}2")),
    )
    async with workspace.registry.lease(agency) as store:
        for name, (consumer, application) in places.items():
            target = ELSEWHERE if name == "own" else name
            records = _planted(planter, target, consumer, application)
            await _keep(store, planter, tuple(records))
            house.ids[name] = _ids(agency, consumer, application, spare, staff)
    return house


async def _hire(directory: Directory, agency: Agency, planter: Planter) -> str:
    """Add the agency's staff, the same people everywhere but for their names."""
    actors = {
        kind.value: Actor(id="sub-nobody", kind=kind, display_name="Somebody")
        for kind in PrincipalKind
    }
    reassigned_to = ""
    for number, role in enumerate(_STAFF):
        name = planter.canaries.add(
            Canary(
                value=planter.canaries.text(),
                agency=agency.slug,
                path="staff.display_name",
                subject=role,
                may=MEMBERS,
                must=frozenset({planting.ADMIN}),
            )
        )
        member = Staff(
            id=f"staff_{new_ulid(AT, randomness=100 + number)}",
            subject=_SUBJECTS[role],
            display_name=name,
            email=f"{role.replace(' ', '.')}@staff.test",
            group=_GROUPS[role],
        )
        audit = cli_audit("staff add", subject=member.id, reason="isolation")
        await directory.put_staff(agency.id, member, audit)
        kind = {planting.COUNSELOR: PrincipalKind.COUNSELOR, planting.ADMIN: PrincipalKind.ADMIN}
        if role in kind:
            actors[kind[role].value] = Actor(id=member.subject, kind=kind[role], display_name=name)
        if role == planting.OTHER_COUNSELOR:
            reassigned_to = member.id
    planter.actors = actors
    return reassigned_to


async def _give_keys(
    directory: Directory, agency: Agency, planter: Planter
) -> tuple[dict[str, str], str]:
    """Add the agency's API keys; return the secret of each role, and the id of a spare one."""
    secrets, spare = {}, f"key_{new_ulid(AT, randomness=50)}"
    for number, role in enumerate((*_SCOPES, None)):
        secret = new_secret()
        key = ApiKey(
            id=spare if role is None else f"key_{new_ulid(AT, randomness=60 + number)}",
            name="ci",
            prefix=secret_prefix(secret),
            hash=secret_hash(secret),
            scopes=frozenset(Scope) if role is None else _SCOPES[role],
            created_by=planter.actors[PrincipalKind.ADMIN.value],
            created_at=planter.now,
            expires_at=planter.now + timedelta(days=90),
            revoked_at=planter.now if role == REVOKED_KEY else None,
        )
        audit = cli_audit("key create", subject=key.id, reason="isolation")
        await directory.add_api_key(agency.id, key, audit)
        if role is not None:
            secrets[role] = secret
    return secrets, spare


def _planted(planter: Planter, target: str, consumer: str, application: str) -> Iterator[Any]:
    """Yield a record of every kind, full of canaries."""
    cast, twin = _CASTS[target], target == TWIN
    status = {
        TWIN: ApplicationStatus.IN_REVIEW,
        QUEUED: ApplicationStatus.SUBMITTED,
        SHARED: ApplicationStatus.DRAFT,
        ELSEWHERE: ApplicationStatus.DRAFT,
    }[target]
    owner = _OWNERS.get(target)
    fixed: dict[str, dict[str, Any]] = {
        "consumer": {"subject": None if owner is None else _SUBJECTS[owner]},
        "application": {"status": status} | ({} if twin else {"assignment": None}),
        "consent": {"used_at": None, "ssn_index": None},
        "access_grant": {
            "revoked_at": None if twin else planter.now,
            # Asked for and approved: a claim's reason is ours, and is told in audit lines.
            "approved_by": planter.actors[PrincipalKind.ADMIN.value],
            "approved_at": planter.now,
            "renewable_until": None,
        },
    }
    for kind in AUDIENCES:
        mine = cast
        if kind == "access_grant":  # which its holder may always look at, where it is asked for
            mine = replace(cast, counselors=COUNSELORS, strict=target in (TWIN, QUEUED))
        yield planter.record(
            kind,
            mine,
            called=target,
            consumer=consumer,
            application=application,
            twin=twin,
            **fixed.get(kind, {}),
        )


def _ids(agency: Agency, consumer: str, application: str, spare: str, staff: str) -> Ids:
    """Return how the objects under two roots are named; a new member has to be known here."""

    def plan(sample: str) -> str:
        return planting.placed(sample, consumer, application)

    known = {
        "agency": f"agency_{agency.id}",
        "application": f"app_{application}",
        "consumer": f"con_{consumer}",
        "consent": plan(child("cons", 1)),
        "debt": plan(child("debt", 1)),
        "grant": plan(child("grant", 9)),
        "key": spare,
        "note": plan(child("note", 1)),
        "queue": f"queue_{application}",
        "report": plan(child("rep", 1)),
        "request": f"grant_{new_ulid(AT, randomness=40)}",
        "staff": staff,
    }
    return Ids(**{one.name: known[one.name] for one in fields(Ids)})


def shared_record(planter: Planter, kind: str, turn: int, **fixed: Any) -> Any:
    """Return a record of a kind under the application that a turn's people share."""
    return planter.record(
        kind,
        _CASTS[SHARED],
        called=SHARED,
        consumer=_CONSUMERS[SHARED],
        application=_shared_root(turn),
        **fixed,
    )


async def _keep(store: AgencyStore, planter: Planter, records: Sequence[Record]) -> None:
    """Write planted records, and the files that they name first."""
    while planter.files:
        await store.blobs.put(*planter.files.popitem())
    await store.commit(Change(put=tuple(records)))


def _shared_root(turn: int) -> str:
    return new_ulid(AT, randomness=10_000 + turn)


async def _renew_shared(house: House, store: AgencyStore, turn: int) -> None:
    """Put a new application of the shared consumer's in place of what was made meanwhile."""
    await _clear(house, store)
    planter = house.planter
    statuses = (ApplicationStatus.SUBMITTED, ApplicationStatus.DRAFT, ApplicationStatus.IN_REVIEW)
    status = statuses[turn % len(statuses)]
    records = [
        shared_record(planter, "application", turn, status=status, assignment=None),
        shared_record(planter, "note", turn),
        shared_record(planter, "credit_report", turn),
    ]
    records += [
        shared_record(planter, "consent", turn, number=n, used_at=None, ssn_index=None)
        for n in range(1, CONSENTS + 1)
    ]
    await _keep(store, planter, records)
    house.typed = _typed(planter, house.agency, turn)
    house.ids[SHARED] = _ids(
        house.agency,
        _CONSUMERS[SHARED],
        _shared_root(turn),
        house.ids[SHARED].key,
        house.ids[SHARED].staff,
    )


def _typed(planter: Planter, agency: Agency, turn: int) -> Typed:
    """Return what the agency's people type in a turn: seen by those who share the application."""
    cast = _CASTS[SHARED]
    everybody = cast.counselors | {planting.KEY, planting.SHARING_CONSUMER}

    def new(path: str, may: frozenset[str], ending: str = "") -> str:
        text = planter.canaries.text() + ending
        nobody: frozenset[str] = frozenset()
        return planter.canaries.add(
            Canary(value=text, agency=agency.slug, path=path, subject="typed", may=may, must=nobody)
        )

    consents = [
        planting.placed(child("cons", 1), "", _shared_root(turn), n) for n in range(1, CONSENTS + 1)
    ]
    return Typed(
        text=new("typed.text", everybody),
        note=new("typed.note", cast.counselors),
        email=new("typed.email", everybody, "@mail.test"),
        agency_name=agency.name,
        application=f"app_{_shared_root(turn)}",
        consents=tuple(consents),
        turn=turn,
    )


async def _clear(house: House, store: AgencyStore) -> None:
    """Remove the applications and consumers that were made since the world was."""
    stay = {
        getattr(house.ids[name], kind) for name in house.ids for kind in ("application", "consumer")
    }
    stay -= {house.ids[SHARED].application}
    neighbors = {f"app_{new_ulid(AT, randomness=int(f'9{n:02}2'))}" for n in range(1, 4)}
    neighbors |= {f"con_{new_ulid(AT, randomness=int(f'9{n:02}1'))}" for n in range(1, 4)}
    for kind in (Application, Consumer):
        async for record in store.scan(kind):
            if record.id in stay | neighbors:
                continue
            try:
                await store.commit(Change(delete=(record,)))
            except VersionConflict:
                continue  # somebody works on it; the next turn takes it
