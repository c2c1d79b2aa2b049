"""Linking a bank: a consent, the vendor's Link, and a lasting token that is kept sealed.

As with a credit report, two units have the vendor between them: the first uses the consent and
begins the attempt, the second keeps the link and completes it. An exchange whose answer was lost
leaves an open attempt and a used consent, and is answered OUTCOME_UNKNOWN: a link may be left at
the vendor, which nobody can read without the token that was lost.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from domain.applications import ENDED, Application
from domain.bank_connections import BankConnection, BankSync, account_of, sync_id
from domain.banking import AccountFacts, BankData, ItemFacts, LinkedItem, LinkRequest, LinkToken
from domain.consents import Consent, ConsentPurpose
from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    ConsentRequired,
    Duplicate,
    GatewayError,
    InvalidInput,
    InvalidTransition,
    NotFound,
    OutcomeUnknown,
    StoreUnavailable,
    Upstream,
    UpstreamUnavailable,
    VersionConflict,
)
from domain.events import EventName
from domain.ids import new_child_id
from domain.validation import Faults, clean_text
from resolvers.applications import application_named, grounds_for
from resolvers.bank_store import event_of, sync_of
from resolvers.context import RequestContext, agency_of, store_of
from resolvers.inputs import ConnectBankInput, given
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened, leave_trail
from tenants.store import Change

PUBLIC_TOKEN_CHARACTERS_MAX = 200
INSTITUTION_CHARACTERS_MAX = 200
FACTS_SECONDS_MAX = 10
KEEP_ATTEMPTS_MAX = 3
KEEP_WAIT_SECONDS = 0.2
_NAMELESS = "Bank"


def banks_of(context: RequestContext) -> BankData:
    """Return the agency's bank data; raises UpstreamUnavailable where it has none."""
    if context.vendors.banks is None:
        raise UpstreamUnavailable(
            "This agency has no bank data.",
            vendor="bank data",
            retryable=False,
            may_have_acted=False,
        )
    return context.vendors.banks


async def connection_named(context: RequestContext, global_id: str) -> BankConnection:
    """Return the link that a mutation names, of an application that may be written to."""
    connection = await context.guard.child(BankConnection, global_id)
    if connection is None:
        raise NotFound
    await application_named(context, connection.application_id)
    return connection


async def create_link_token(
    context: RequestContext, application_id: str, connection_id: str | None
) -> LinkToken:
    """Return what opens Link for a new link, or to repair the one named; nothing is kept of it."""
    application = await application_named(context, application_id)
    _check_open(application)
    token: str | None = None
    if connection_id is not None:
        connection = await connection_named(context, connection_id)
        if connection.application_id != application.id:
            raise NotFound
        if connection.has_ended or connection.access_token is None:
            raise BankLinkGone
        token = connection.access_token
    request = LinkRequest(
        client_user_id=application.consumer_id,
        client_name=agency_of(context).name,
        access_token=token,
    )
    created = await banks_of(context).create_link_token(request)
    await store_of(context).record_audit(
        audited(
            context,
            "createBankLinkToken",
            connection_id or application.id,
            consumers=(application.consumer_id,),
        )
    )
    return created


async def connect_bank(context: RequestContext, input: ConnectBankInput) -> BankConnection:
    """Link a bank under a live, unused consent to bank data; a link there is already is answered.

    Raises ConsentRequired, InvalidInput for a public token that is no good, Duplicate for a link
    that belongs elsewhere, and Upstream; where the vendor certainly did nothing, consent and key
    can be used again.
    """

    async def perform(attempt: Attempt) -> BankConnection:
        public_token = _clean_token(input.public_token)
        application = await application_named(context, input.application_id)
        _check_open(application)
        consent = await _usable_consent(context, application, input.consent_id)
        linking = _Linking(context, application, attempt, banks_of(context))
        return await _link(linking, public_token, consent)

    async def replay(reference: str) -> BankConnection:
        connection = await context.guard.child(BankConnection, reference)
        if connection is None:
            raise NotFound
        return connection

    return await once(
        context,
        "connectBank",
        input,
        key=given(input.idempotency_key),
        perform=perform,
        replay=replay,
    )


@dataclass(frozen=True, slots=True)
class _Linking:
    """One bank being linked: for which application, under which attempt, by whom."""

    context: RequestContext
    application: Application
    attempt: Attempt
    banks: BankData


async def _link(linking: _Linking, public_token: str, consent: Consent) -> BankConnection:
    used = await _begin(linking, consent)
    try:
        item = await linking.banks.exchange(public_token)
    except InvalidInput as refused:
        with suppress(StoreUnavailable, VersionConflict):
            await _fail(linking, used, refused.code, may_have_acted=False)
        raise InvalidInput(
            [replace(fault, path="input.publicToken") for fault in refused.fields]
        ) from refused
    except (Upstream, BankLoginRequired, BankLinkGone) as trouble:
        may_have_acted = not isinstance(trouble, Upstream) or trouble.may_have_acted
        with suppress(StoreUnavailable, VersionConflict):  # the vendor's trouble is the answer
            await _fail(linking, used, trouble.code, may_have_acted=may_have_acted)
        raise
    if await _is_elsewhere(linking, item):
        with suppress(StoreUnavailable, VersionConflict):
            await _fail(linking, used, Duplicate.code, may_have_acted=False)
        raise Duplicate("This bank is linked already, in another file. End that link first.")
    facts, accounts = await _facts(linking.banks, item)
    for number in range(KEEP_ATTEMPTS_MAX):
        await asyncio.sleep(number * KEEP_WAIT_SECONDS)
        with suppress(StoreUnavailable, VersionConflict):
            return await _keep(linking, used, item, facts, accounts)
    raise OutcomeUnknown


async def _begin(linking: _Linking, consent: Consent) -> Consent:
    """Mark the consent as used and begin the attempt; of two at once, one gets through."""
    context, application = linking.context, linking.application
    try:
        return await commit(
            context,
            replace(consent, used_at=context.request.at),
            check=await grounds_for(context, application),
            event=happened(
                context,
                EventName.BANK_LINK_REQUESTED,
                consent.id,
                consent.version + 1,
                applicationId=application.id,
            ),
            audit=audited(
                context,
                "connectBank",
                consent.id,
                consumers=(application.consumer_id,),
                purpose=consent.purpose.value,
            ),
            begin=linking.attempt.begun(),
        )
    except VersionConflict as conflict:
        raise ConsentRequired from conflict


async def _fail(linking: _Linking, used: Consent, code: str, *, may_have_acted: bool) -> None:
    """Record the failure; where the vendor certainly did nothing, undo what was begun."""
    context = linking.context
    event = happened(
        context,
        EventName.BANK_LINK_FAILED,
        used.id,
        used.version if may_have_acted else used.version + 1,
        applicationId=linking.application.id,
    )
    audit = audited(
        context,
        "connectBank.failed",
        used.id,
        consumers=(linking.application.consumer_id,),
        purpose=code,
    )
    if may_have_acted:
        await leave_trail(context, event, audit)
        return
    await commit(
        context,
        replace(used, used_at=None),
        event=event,
        audit=audit,
        finish=linking.attempt.begun(),
    )


async def _is_elsewhere(linking: _Linking, item: LinkedItem) -> bool:
    """Say whether the item is linked in another file, or was and has ended."""
    known = await _known(linking, item)
    if known is None:
        return False
    return known.application_id != linking.application.id or known.has_ended


async def _known(linking: _Linking, item: LinkedItem) -> BankConnection | None:
    named = f"{linking.banks.name} {item.item_id}"
    return await store_of(linking.context).find(BankConnection, "bank_item", named)


async def _facts(
    banks: BankData, item: LinkedItem
) -> tuple[ItemFacts | None, tuple[AccountFacts, ...]]:
    """Return what the bank is called and which accounts are shared, as far as it is told soon.

    The link is made and must be kept, whatever becomes of this; the first sync brings it again.
    """

    async def ask() -> tuple[ItemFacts, tuple[AccountFacts, ...]]:
        return await banks.item(item.access_token), await banks.accounts(item.access_token)

    with suppress(GatewayError, TimeoutError):
        return await asyncio.wait_for(ask(), FACTS_SECONDS_MAX)
    return None, ()


async def _keep(
    linking: _Linking,
    used: Consent,
    item: LinkedItem,
    facts: ItemFacts | None,
    accounts: tuple[AccountFacts, ...],
) -> BankConnection:
    """Keep the link, or renew the token of the one that there is; complete the attempt."""
    context, store = linking.context, store_of(linking.context)
    known = await _known(linking, item)
    if known is None:
        connection = _new_connection(linking, used, item, facts, accounts)
        sync = BankSync(
            id=sync_id(connection.id),
            application_id=connection.application_id,
            connection_id=connection.id,
        )
    else:
        connection = replace(known, access_token=item.access_token)
        sync = await sync_of(store, known.id)
    wanted = replace(sync, wanted_at=sync.wanted_at or context.request.at)
    written = await store.commit(
        Change(
            put=(connection, wanted),
            event=event_of(context, EventName.BANK_CONNECTED, connection),
            audit=audited(
                context,
                "connectBank.kept",
                connection.id,
                consumers=(connection.consumer_id,),
                purpose=used.purpose.value,
                fields=("BankConnection.accounts",),
            ),
            finish=linking.attempt.done(connection.id),
        )
    )
    context.guard.reads.cover((connection.consumer_id,))
    assert isinstance(written[0], BankConnection)
    return written[0]


def _new_connection(
    linking: _Linking,
    used: Consent,
    item: LinkedItem,
    facts: ItemFacts | None,
    accounts: tuple[AccountFacts, ...],
) -> BankConnection:
    context, application = linking.context, linking.application
    own = new_child_id("bank", application.id, context.request.at)
    named = None if facts is None else facts.institution_name or facts.institution_id
    return BankConnection(
        id=own,
        application_id=application.id,
        consumer_id=application.consumer_id,
        consent_id=used.id,
        vendor=linking.banks.name,
        item_id=item.item_id,
        institution_id=None if facts is None else facts.institution_id,
        institution=(named or _NAMELESS)[:INSTITUTION_CHARACTERS_MAX],
        status_at=context.request.at,
        connected_at=context.request.at,
        ends_at=None if facts is None else facts.consent_expires_at,
        access_token=item.access_token,
        accounts=tuple(account_of(own, one) for one in accounts),
    )


async def _usable_consent(
    context: RequestContext, application: Application, consent_id: str
) -> Consent:
    consent = await context.guard.child(Consent, consent_id)
    if consent is None:
        raise NotFound
    matches = consent.application_id == application.id
    if not matches or not consent.is_usable(ConsentPurpose.BANK_DATA, context.request.at):
        raise ConsentRequired
    return consent


def _check_open(application: Application) -> None:
    if application.status in ENDED:
        raise InvalidTransition(f"An application that is {application.status} has ended.")


def _clean_token(public_token: str) -> str:
    faults = Faults()
    clean = clean_text(
        faults, "input.publicToken", public_token, characters_max=PUBLIC_TOKEN_CHARACTERS_MAX
    )
    faults.raise_any()
    return clean
