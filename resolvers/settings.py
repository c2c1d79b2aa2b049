"""Settings of the agency: read as of a day, and changed by a new version from a day on.

A version is never changed once it is written. What was proposed or signed keeps the version that it
was computed from; what is computed later takes the one of its day.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.errors import Duplicate, NotFound, TooLarge, VersionConflict
from domain.events import EventName
from domain.retention import RETENTION_YEARS_MAX, RETENTION_YEARS_MIN
from domain.settings import (
    CUSHION_MAX,
    DAYS_AHEAD_MAX,
    GRANT_DAYS_MAX,
    GRANT_DAYS_MIN,
    MONTHLY_FEE_MAX,
    PAYMENT_RATE_MAX,
    POLICIES_MAX,
    POLICY_APR_MAX,
    POLICY_FLOOR_MAX,
    POLICY_RATE_MAX,
    SETUP_FEE_MAX,
    WAITING_MAX,
    AgencySettings,
    CreditorPolicy,
)
from domain.validation import (
    CREDITOR_CHARACTERS_MAX,
    Faults,
    clean_amount,
    clean_integer,
    clean_text,
)
from resolvers.applications import check_version
from resolvers.context import RequestContext, agency_of, store_of
from resolvers.inputs import CreditorPolicyInput, UpdateSettingsInput, given
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened
from tenants import settings as stored

_Clean = Callable[[Faults, str, Any], Any]


async def settings_in_force(context: RequestContext, on: date) -> AgencySettings:
    """Return the settings of that day, in UTC; the defaults where none was ever written."""
    return await stored.settings_in_force(store_of(context), agency_of(context), on)


async def current_settings(context: RequestContext) -> AgencySettings:
    """Return the settings of the day of the request."""
    return await settings_in_force(context, context.request.at.date())


async def settings_version(context: RequestContext, id: str) -> AgencySettings | None:
    """Return the version of that id, whenever it holds or held; None where there is none."""
    return await store_of(context).get(AgencySettings, id)


async def upcoming_settings(
    context: RequestContext, settings: AgencySettings
) -> list[AgencySettings]:
    """Return the versions that will follow one, the next first, without superseded ones."""
    waiting = await stored.waiting_settings(store_of(context), settings.effective_from)
    return list({one.effective_from: one for one in waiting}.values())  # of a day, the last


async def update_settings(context: RequestContext, input: UpdateSettingsInput) -> AgencySettings:
    """Make a new version, in force from the day given; what is not given stays as on that day.

    Raises InvalidInput with all faults, VersionConflict where another version than the one expected
    holds on that day, TooLarge where too many wait to begin.
    """

    async def perform(attempt: Attempt) -> AgencySettings:
        faults, today = Faults(), context.request.at.date()
        clean = _clean_figures(faults, input)
        day = _clean_day(faults, input.effective_from, today)
        base = await settings_in_force(context, day)
        settings = replace(base, **clean, effective_from=day)
        if settings.hardship_payment_rate > settings.standard_payment_rate:
            faults.add("input.hardshipPaymentRate", "TOO_LARGE", "Give at most the standard rate.")
        faults.raise_any()
        check_version(base.number, given(input.expected_version))
        store = store_of(context)
        if len(await stored.waiting_settings(store, today)) >= WAITING_MAX and day > today:
            raise TooLarge(f"{WAITING_MAX} versions wait to begin. Wait until some have.")
        version = await stored.numbered_next(store, settings, context.request.at)
        return await _write(context, version, clean, attempt)

    async def replay(reference: str) -> AgencySettings:
        settings = await settings_version(context, reference)
        if settings is None:
            raise NotFound
        return settings

    return await once(context, "updateSettings", input, perform=perform, replay=replay)


async def _write(
    context: RequestContext, settings: AgencySettings, clean: dict[str, Any], attempt: Attempt
) -> AgencySettings:
    try:
        return await commit(
            context,
            settings,
            event=happened(context, EventName.SETTINGS_UPDATED, settings.id, 1),
            audit=audited(
                context,
                "updateSettings",
                settings.id,
                consumers=(),
                fields=tuple(f"AgencySettings.{_NAMES[name]}" for name in clean),
            ),
            begin=attempt.done(settings.id),
        )
    except Duplicate as twin:  # another version was given the number meanwhile
        raise VersionConflict from twin


def _clean_day(faults: Faults, day: date, today: date) -> date:
    """Return the day; today's where it is refused, so that the rest can be looked at."""
    if day < today:
        faults.add("input.effectiveFrom", "TOO_SMALL", "Give today (in UTC) or a later day.")
    elif day > today + timedelta(days=DAYS_AHEAD_MAX):
        faults.add("input.effectiveFrom", "TOO_LARGE", "Give a day within the next two years.")
    else:
        return day
    return today


def _clean_bounded(
    faults: Faults, path: str, value: Decimal, *, greatest: Decimal, least: Decimal = Decimal(0)
) -> Decimal:
    clean = clean_amount(faults, path, value)
    if clean > greatest:
        faults.add(path, "TOO_LARGE", f"Give at most {greatest}.")
    elif clean < least and value >= 0:
        faults.add(path, "TOO_SMALL", f"Give at least {least}.")
    return clean


def _clean_policies(
    faults: Faults, path: str, policies: tuple[CreditorPolicyInput, ...]
) -> tuple[CreditorPolicy, ...]:
    if len(policies) > POLICIES_MAX:
        faults.add(path, "TOO_LARGE", f"Give at most {POLICIES_MAX} creditors.")
        return ()
    named: dict[str, int] = {}
    clean = []
    for number, policy in enumerate(policies):
        at = f"{path}.{number}"
        creditor = clean_text(
            faults,
            f"{at}.creditor",
            policy.creditor,
            characters_max=CREDITOR_CHARACTERS_MAX,
            worded=True,
        )
        first = named.setdefault(creditor.casefold(), number)
        if first != number:
            faults.add(f"{at}.creditor", "DUPLICATE", f"It is the creditor of line {first} too.")
        clean.append(
            CreditorPolicy(
                creditor=creditor,
                participation=policy.participation,
                apr=_clean_bounded(faults, f"{at}.apr", policy.apr, greatest=POLICY_APR_MAX),
                payment_rate=_clean_bounded(
                    faults, f"{at}.paymentRate", policy.payment_rate, greatest=POLICY_RATE_MAX
                ),
                payment_floor=_clean_bounded(
                    faults, f"{at}.paymentFloor", policy.payment_floor, greatest=POLICY_FLOOR_MAX
                ),
            )
        )
    return tuple(clean)


_RATE = partial(_clean_bounded, greatest=PAYMENT_RATE_MAX, least=Decimal("0.01"))
_FIGURES: dict[str, tuple[str, _Clean]] = {
    "cushion": ("cushion", partial(_clean_bounded, greatest=CUSHION_MAX)),
    "standard_payment_rate": ("standardPaymentRate", _RATE),
    "hardship_payment_rate": ("hardshipPaymentRate", _RATE),
    "setup_fee": ("setupFee", partial(_clean_bounded, greatest=SETUP_FEE_MAX)),
    "monthly_fee_per_creditor": (
        "monthlyFeePerCreditor",
        partial(_clean_bounded, greatest=MONTHLY_FEE_MAX),
    ),
    "monthly_fee_max": ("monthlyFeeMax", partial(_clean_bounded, greatest=MONTHLY_FEE_MAX)),
    "grant_days": (
        "grantDays",
        partial(clean_integer, least=GRANT_DAYS_MIN, greatest=GRANT_DAYS_MAX),
    ),
    "retention_years": (
        "retentionYears",
        partial(clean_integer, least=RETENTION_YEARS_MIN, greatest=RETENTION_YEARS_MAX),
    ),
    "creditor_policies": ("creditorPolicies", _clean_policies),
}
"""By attribute, each figure's name in the schema and what it has to be."""

_NAMES = {name: shown for name, (shown, _) in _FIGURES.items()}


def _clean_figures(faults: Faults, input: UpdateSettingsInput) -> dict[str, Any]:
    """Return what is given, clean; null is as if it were not given, for nothing can be without."""
    return {
        name: clean(faults, f"input.{shown}", value)
        for name, (shown, clean) in _FIGURES.items()
        if (value := given(getattr(input, name))) is not None
    }
