"""What changes from turn to turn while requests are under way.

New shared objects come and the old ones go; one sign-in of each agency is revoked; one agency is
suspended, or comes back.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.agencies import AgencyStatus
from domain.applications import Application, ApplicationStatus
from domain.consumers import Consumer
from domain.errors import VersionConflict
from domain.plans import PlanStatus
from gateway.provisioning import cli_audit
from tenants.directory.port import Directory, Revocation
from tenants.store import AgencyStore, Change
from tests.isolation import operators, planting
from tests.isolation.founding import House, keep_records
from tests.isolation.people import AGENCIES, TOKEN_SECONDS
from tests.isolation.targets import (
    CONSUMERS,
    SHARED,
    ids_of,
    roots_elsewhere,
    shared_record,
    shared_root,
    typed_in,
)
from tests.isolation.typed import CONSENTS


async def renew_shared(house: House, store: AgencyStore, directory: Directory, turn: int) -> None:
    """Put a new application of the shared consumer's in place of what was made meanwhile.

    What operators have over the old one goes with it, and a request over the new one waits.
    """
    await _clear(house, store)
    planter, gone = house.planter, house.ids[SHARED].application
    statuses = (ApplicationStatus.SUBMITTED, ApplicationStatus.DRAFT, ApplicationStatus.IN_REVIEW)
    status = statuses[turn % len(statuses)]
    records = [
        shared_record(planter, "application", turn, status=status, assignment=None),
        shared_record(planter, "note", turn),
        shared_record(planter, "credit_report", turn),
        shared_record(planter, "analysis", turn),
        shared_record(planter, "plan", turn, status=PlanStatus.PROPOSED, acceptance=None),
    ]
    records += [
        shared_record(planter, "consent", turn, number=n, used_at=None, ssn_index=None)
        for n in range(1, CONSENTS + 1)
    ]
    await keep_records(store, planter, records)
    house.typed = typed_in(planter, house.agency, turn)
    house.ids[SHARED] = ids_of(
        house.agency,
        CONSUMERS[SHARED],
        shared_root(turn),
        operators.shared_request_id(turn),
        house.spare,
    )
    audit = cli_audit("consumer erase", subject=None, reason="isolation")
    await directory.forget_access_grants(house.agency.id, {gone}, audit)
    request = operators.shared_request(planter, house.ids[SHARED].application, turn)
    await operators.keep(directory, house.agency, [request])


async def end_sign_in(house: House, directory: Directory) -> None:
    """Revoke the sign-in that ends with each turn."""
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


async def suspend_or_restore(house: House, directory: Directory) -> None:
    """Suspend the agency, or bring it back."""
    status = AgencyStatus.ACTIVE if house.suspended else AgencyStatus.SUSPENDED
    house.changes += 1
    await directory.update_agency(
        replace(house.agency, status=status),
        cli_audit("agency suspend", subject=None, reason="isolation"),
    )
    house.suspended = not house.suspended
    house.changes += 1


async def _clear(house: House, store: AgencyStore) -> None:
    """Remove the applications and consumers that were made since the world was."""
    stay = {
        getattr(house.ids[name], kind) for name in house.ids for kind in ("application", "consumer")
    }
    stay -= {house.ids[SHARED].application}
    for number in range(1, len(AGENCIES) + 1):
        consumer, application = roots_elsewhere(number)
        stay |= {f"con_{consumer}", f"app_{application}"}
    for kind in (Application, Consumer):
        async for record in store.scan(kind):
            if record.id in stay:
                continue
            try:
                await store.commit(Change(delete=(record,)))
            except VersionConflict:
                continue  # somebody works on it; the next turn takes it
