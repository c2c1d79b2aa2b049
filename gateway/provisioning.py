"""Bringing an agency in and taking it out: store, keys, pool and directory entry as one step.

The directory entry is the point of no return. What a killed `add` leaves before it (a store that
nobody holds the key of) is swept by the next one; what a killed `remove` leaves after it (a store
whose keys are destroyed) likewise, and cannot be opened by anybody.
"""

import getpass
from datetime import UTC, datetime

from domain.actors import Actor, PrincipalKind
from domain.agencies import Agency, AgencyStatus, Pool
from domain.audit import AuditLine
from domain.errors import Duplicate
from domain.ids import new_ulid
from gateway.workspace import STORES_FOLDER, Workspace
from tenants.directory.checks import check_agency
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys import removal
from tenants.keys.keyring import new_agency_keys
from tenants.keys.removal import DirectoryPlace


def cli_audit(action: str, *, subject: str | None, reason: str) -> AuditLine:
    """Return the audit line of a command-line action, under the operating-system user."""
    user = f"os:{getpass.getuser()}"
    identifier = new_ulid()
    return AuditLine(
        id=identifier,
        at=datetime.now(UTC),
        actor=Actor(id=user, kind=PrincipalKind.OPERATOR, display_name=user),
        action=f"cli:{action}",
        subject=subject,
        purpose=reason,
        request_id=identifier,
    )


async def add_agency(
    workspace: Workspace,
    *,
    slug: str,
    name: str,
    states: tuple[str, ...],
    website: str | None = None,
    store_url: str | None = None,
    pools: tuple[Pool, ...] = (),
    reason: str,
) -> Agency:
    """Make an agency's keys and store, then enter it into the directory; return it.

    Raises InvalidInput, Duplicate for a slug or issuer that is taken.
    """
    if await workspace.directory.agency_by_slug(slug) is not None:
        raise Duplicate(f"there is an agency {slug} already")
    identifier = new_ulid()
    agency = Agency(
        id=identifier,
        slug=slug,
        name=name,
        states=states,
        website=website,
        status=AgencyStatus.ACTIVE,
        store_url=store_url or f"sqlite:{STORES_FOLDER}/{identifier}.db",
        pools=pools,
    )
    check_agency(agency)  # before anything is made for it
    keys, wrapped = await new_agency_keys(workspace.keyring, agency.id, datetime.now(UTC))
    await workspace.registry.create(agency, keys)
    try:
        audit = cli_audit("agency add", subject=f"agency_{agency.id}", reason=reason)
        await workspace.directory.add_agency(agency, wrapped, audit)
    except BaseException:
        await workspace.registry.destroy(agency)
        raise
    return agency


async def remove_agency(workspace: Workspace, agency: Agency, *, reason: str) -> tuple[str, ...]:
    """Destroy an agency's wrapped keys, its store and its files; return what was proved.

    Raises StoreUnavailable where something could not be proved.
    """
    audit = cli_audit("agency remove", subject=f"agency_{agency.id}", reason=reason)
    place = DirectoryPlace(
        path=workspace.home / DIRECTORY_FILE, key=workspace.keys.derive("directory")
    )
    return await removal.remove_agency(
        workspace.directory, place, workspace.registry, agency, audit
    )
