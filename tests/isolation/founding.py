"""Founding an agency of the world: its staff, its keys, its operators' grants and its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domain.access import ApiKey, Scope
from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency, Pool, Staff
from domain.ids import new_ulid
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import Workspace
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix
from tenants.directory.port import Directory
from tenants.keys.keyring import unwrap_agency_keys
from tenants.records.kinds import Record
from tenants.store import AgencyStore, Change
from tests.gateway.identity.forge import CLIENT, Signer
from tests.isolation import operators, planting
from tests.isolation.canaries import Canary
from tests.isolation.operations import Ids
from tests.isolation.operators import Kept
from tests.isolation.people import AGENCIES, GROUPS, REVOKED_KEY, SCOPES, STAFF, SUBJECTS, Session
from tests.isolation.planting import GRANTED, MEMBERS, Planter
from tests.isolation.targets import (
    CONSUMERS,
    ELSEWHERE,
    OWN,
    QUEUED,
    ROOTS,
    SHARED,
    TWIN,
    Spare,
    ids_of,
    planted,
    roots_elsewhere,
    typed_in,
)
from tests.isolation.typed import Typed
from tests.tenants.record_samples import AT


@dataclass(slots=True)
class House:
    """One agency of the world, as the campaign knows it. grants: the operators'."""

    agency: Agency
    planter: Planter
    keys: Mapping[str, str]
    file_key: bytes
    typed: Typed
    spare: Spare
    ids: dict[str, Ids] = field(default_factory=dict)
    grants: tuple[Kept, ...] = ()
    sessions: dict[str, Session] = field(default_factory=dict)
    suspended: bool = False
    changes: int = 0  # of its status; odd while one is under way


async def found(workspace: Workspace, slug: str, signer: Signer, planter: Planter) -> House:
    """Make one agency, its staff, its keys and its records."""
    readers = MEMBERS | GRANTED
    name = planter.plant("agency.name", planter.canaries.text(), subject="it", may=readers)
    site = planter.plant("agency.website", planter.canaries.text(), subject="it", may=readers)
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
        typed=typed_in(planter, agency, 0),
        spare=Spare(key=spare, staff=staff),
    )
    await _fill(workspace, house)
    return house


async def _fill(workspace: Workspace, house: House) -> None:
    """Write the agency's records, and the operators' grants."""
    agency, planter = house.agency, house.planter
    places = {name: (CONSUMERS[name], ROOTS[name]) for name in (TWIN, QUEUED, SHARED)}
    places[OWN] = roots_elsewhere(AGENCIES.index(agency.slug) + 1)
    requests = {name: operators.request_id(name, agency.slug) for name in (TWIN, QUEUED, OWN)}
    requests[SHARED] = operators.shared_request_id(0)
    async with workspace.registry.lease(agency) as store:
        for name, (consumer, application) in places.items():
            target = ELSEWHERE if name == OWN else name
            records = tuple(planted(planter, target, consumer, application))
            await keep_records(store, planter, records)
            house.ids[name] = ids_of(agency, consumer, application, requests[name], house.spare)
    applications = {name: ids.application for name, ids in house.ids.items()}
    house.grants = operators.keepsakes(
        planter, applications[TWIN], applications[QUEUED], applications[OWN]
    )
    shared = operators.shared_request(planter, applications[SHARED], 0)
    await operators.keep(workspace.directory, agency, (*house.grants, shared))


async def _hire(directory: Directory, agency: Agency, planter: Planter) -> str:
    """Add the agency's staff, the same people everywhere but for their names."""
    actors = {
        kind.value: Actor(id="sub-nobody", kind=kind, display_name="Somebody")
        for kind in PrincipalKind
    }
    reassigned_to = ""
    for number, role in enumerate(STAFF):
        name = planter.canaries.add(
            Canary(
                value=planter.canaries.text(),
                agency=agency.slug,
                path="staff.display_name",
                subject=role,
                may=MEMBERS | GRANTED,
                must=frozenset({planting.ADMIN}),
            )
        )
        member = Staff(
            id=f"staff_{new_ulid(AT, randomness=100 + number)}",
            subject=SUBJECTS[role],
            display_name=name,
            email=f"{role.replace(' ', '.')}@staff.test",
            group=GROUPS[role],
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
    for number, role in enumerate((*SCOPES, None)):
        secret = new_secret()
        key = ApiKey(
            id=spare if role is None else f"key_{new_ulid(AT, randomness=60 + number)}",
            name="ci",
            prefix=secret_prefix(secret),
            hash=secret_hash(secret),
            scopes=frozenset(Scope) if role is None else SCOPES[role],
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


async def keep_records(store: AgencyStore, planter: Planter, records: Sequence[Record]) -> None:
    """Write planted records, and the files that they name first."""
    while planter.files:
        await store.blobs.put(*planter.files.popitem())
    await store.commit(Change(put=tuple(records)))
