"""Settings of an agency in its store: which are in force on a day, which come, and the next one.

The store is the one place where settings stand. What holds before any were written are the
defaults of the domain, with the years of retention that the agency was founded with.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta

from domain.agencies import Agency
from domain.settings import AgencySettings, defaults, new_settings_id
from tenants.store import AgencyStore

_BY_DAY, _ALL = "settings_by_day", "settings_all"


async def settings_in_force(store: AgencyStore, agency: Agency, on: date) -> AgencySettings:
    """Return the settings of that day: the latest begun; of those of one day, the last made."""

    async def read() -> AgencySettings:
        page = await store.query(AgencySettings, _BY_DAY, "", first=1, desc=True, hi=_after(on))
        return page.items[0] if page.items else defaults(agency.retention_years)

    return await store.remembered(("settings", on, agency.retention_years), read)


async def waiting_settings(store: AgencyStore, after: date) -> list[AgencySettings]:
    """Return what was made to begin after that day, the first to begin first, superseded ones too.

    Of those of one day the last is the one that will be in force.
    """
    return await store.listed(AgencySettings, _BY_DAY, "", lo=_after(after))


async def numbered_next(
    store: AgencyStore, settings: AgencySettings, at: datetime
) -> AgencySettings:
    """Return the settings as the next version, to be written; of two such at once one conflicts.

    Writing it raises Duplicate then, as numbers are unique.
    """
    last = await store.query(AgencySettings, _ALL, "", first=1, desc=True)
    number = last.items[0].number + 1 if last.items else 1
    return replace(settings, id=new_settings_id(at), version=0, number=number)


def _after(day: date) -> str:
    """Return what every entry of a later day is not before, and every other one is."""
    return (day + timedelta(days=1)).isoformat()
