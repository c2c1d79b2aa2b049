"""The agency's settings, as the API shows them."""

from typing import Annotated

import strawberry

from domain.settings import AgencySettings as AgencySettingsRecord
from domain.settings import Participation
from resolvers import settings
from schema.connections import Node
from schema.declare import Info, field, object_type, reads
from schema.rules import SETTINGS_READERS
from schema.scalars import AWSDate, Money, Percent


@object_type(rule=SETTINGS_READERS)
class CreditorPolicy:
    """What one creditor gives to the agency's plans; apr a year, paymentRate a month."""

    creditor: str
    participation: Participation
    apr: Percent
    payment_rate: Percent
    payment_floor: Money


async def _upcoming(root: AgencySettingsRecord, info: Info) -> list[AgencySettingsRecord]:
    return await settings.upcoming_settings(info.context, root)


@object_type(rule=SETTINGS_READERS, record=AgencySettingsRecord)
class AgencySettings(Node):
    """Effective-dated; a change never alters what was already proposed or signed."""

    version: int = reads("number", int)
    effective_from: AWSDate
    cushion: Money
    standard_payment_rate: Percent
    hardship_payment_rate: Percent
    setup_fee: Money
    monthly_fee_per_creditor: Money
    monthly_fee_max: Money
    grant_days: int
    retention_years: int
    creditor_policies: list[CreditorPolicy]
    upcoming: list[Annotated["AgencySettings", strawberry.lazy("schema.settings")]] = field(
        _upcoming,
        list[Annotated["AgencySettings", strawberry.lazy("schema.settings")]],
        description="The versions that begin after this one, the next first.",
    )
