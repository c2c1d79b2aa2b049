"""What a bank data vendor's webhooks bring about, once each, in whatever order they come.

A webhook is told again until it is answered, and late; so nothing of it is lost once it is
answered, nothing is done twice for the very same one, and news older than what is known change no
status. Besides, every sync asks the vendor how the link stands: what a lost or a late webhook left
wrong is right after the next one. Syncs are only wished for here; a worker does them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from domain.bank_connections import BankConnection
from domain.banking import BankConnectionStatus, WebhookFacts
from domain.errors import OutcomeUnknown, VersionConflict
from domain.events import EventName
from resolvers.bank_store import READ_ANEW_MAX, end_link, event_of, moved_to, sync_of
from resolvers.bank_syncs import LOGIN_ERROR_CODES
from resolvers.context import RequestContext, store_of
from resolvers.trail import audited
from tenants.backend import Once, Replayed
from tenants.store import Change

KEPT_HOURS = 48
"""For how long a webhook is known again; the vendor tells it again for 24 hours."""

_S = BankConnectionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What a webhook brings about. status: None leaves it. ends: forget all that was read."""

    status: BankConnectionStatus | None = None
    sync: bool = False
    new_accounts: bool = False
    ends: bool = False


_SYNC = _Effect(sync=True)
_EFFECTS: Mapping[tuple[str, str], _Effect] = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): _SYNC,
    ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): _SYNC,
    # Of before there was /transactions/sync: each means that there is something to read.
    ("TRANSACTIONS", "INITIAL_UPDATE"): _SYNC,
    ("TRANSACTIONS", "HISTORICAL_UPDATE"): _SYNC,
    ("TRANSACTIONS", "DEFAULT_UPDATE"): _SYNC,
    ("TRANSACTIONS", "TRANSACTIONS_REMOVED"): _SYNC,
    ("LIABILITIES", "DEFAULT_UPDATE"): _SYNC,
    ("ITEM", "LOGIN_REPAIRED"): _Effect(status=_S.HEALTHY, sync=True),
    # The sync asks until when.
    ("ITEM", "PENDING_DISCONNECT"): _Effect(status=_S.PENDING_DISCONNECT, sync=True),
    ("ITEM", "PENDING_EXPIRATION"): _Effect(status=_S.PENDING_DISCONNECT, sync=True),
    ("ITEM", "USER_PERMISSION_REVOKED"): _Effect(ends=True),
    ("ITEM", "USER_ACCOUNT_REVOKED"): _Effect(ends=True),
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): _Effect(new_accounts=True),
}
# Told late it may be true no more: the sync asks the vendor how the link stands.
_LOGIN_REQUIRED = _Effect(status=_S.LOGIN_REQUIRED, sync=True)
# Told, and nothing to be done: that the address of webhooks was changed, that Link was closed, and
# that income was verified, which is a product that is not asked for.
PASSED_OVER = frozenset(
    {
        ("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED"),
        ("INCOME", "BANK_INCOME_COMPLETE"),
        ("LINK", "SESSION_FINISHED"),
    }
)
HANDLED = frozenset({*_EFFECTS, ("ITEM", "ERROR")})


async def take_webhook(
    context: RequestContext, vendor: str, facts: WebhookFacts, digest: str
) -> bool:
    """Bring about what a verified webhook says; say whether a sync is wished for now.

    digest: of what was signed of the webhook. What is about no link of this agency, or
    of a kind that nothing is done about, changes nothing. Raises StoreUnavailable, and then it has
    to be told again.
    """
    effect = _effect_of(facts)
    if effect is None or facts.item_id is None:
        return False
    for attempt in range(READ_ANEW_MAX):
        named = f"{vendor} {facts.item_id}"
        connection = await store_of(context).find(BankConnection, "bank_item", named)
        if connection is None or connection.has_ended:
            return False
        try:
            await _bring_about(context, connection, effect, facts, digest)
        except (Replayed, OutcomeUnknown):
            return False
        except VersionConflict:
            if attempt + 1 == READ_ANEW_MAX:
                raise
            continue
        return effect.sync
    return False


def _effect_of(facts: WebhookFacts) -> _Effect | None:
    if (facts.type, facts.code) == ("ITEM", "ERROR"):
        return _LOGIN_REQUIRED if facts.error_code in LOGIN_ERROR_CODES else _SYNC
    return _EFFECTS.get((facts.type, facts.code))


async def _bring_about(
    context: RequestContext,
    connection: BankConnection,
    effect: _Effect,
    facts: WebhookFacts,
    digest: str,
) -> None:
    """Write what comes of it as one unit, with the mark by which the webhook is known again."""
    at = context.request.at
    mark = Once(
        key=hashlib.sha256(f"bank webhook {digest}".encode()).hexdigest(),
        digest=digest,
        reference=connection.id,
        expires_at=at + timedelta(hours=KEPT_HOURS),
    )
    audit = audited(
        context,
        "bankWebhook",
        connection.id,
        consumers=(connection.consumer_id,),
        purpose=f"{facts.type} {facts.code}",
    )
    if effect.ends:
        await end_link(
            context,
            connection,
            BankConnectionStatus.REVOKED,
            name=EventName.BANK_STATUS_CHANGED,
            audit=audit,
            begin=mark,
        )
        return
    store = store_of(context)
    sync = await sync_of(store, connection.id)
    moved = connection
    if effect.status is not None:
        moved = moved_to(connection, effect.status, facts.at or at)
    if effect.new_accounts:
        moved = replace(moved, has_new_accounts=True)
    wished = replace(sync, wanted_at=sync.wanted_at or at) if effect.sync else sync
    name = EventName.BANK_STATUS_CHANGED if moved != connection else EventName.BANK_SYNC_WANTED
    if moved == connection and wished == sync:
        # Late news, or a wish that is there already: only the mark is new, and nobody is told.
        await store.commit(Change(check=(connection,), begin=mark, audit=audit))
        return
    put = (moved,) if wished == sync else (moved, wished)
    await store.commit(
        Change(put=put, event=event_of(context, name, connection), audit=audit, begin=mark)
    )
