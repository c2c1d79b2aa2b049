"""A far end of bank data: what the bank has, what changed of it, and what went wrong."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from domain.banking import (
    AccountFacts,
    BankData,
    ItemFacts,
    LiabilityFacts,
    LinkedItem,
    LinkRequest,
    LinkToken,
    OwnerFacts,
    Progress,
    StreamFacts,
    TransactionChanges,
    TransactionFacts,
    WebhookFacts,
)
from domain.errors import BankLinkGone, InvalidInput, Unauthenticated

LINKED_AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
CHECKING = AccountFacts(
    source_id="checking",
    name="Everyday Checking",
    mask="0000",
    type="depository",
    subtype="checking",
    current=Decimal("1250.10"),
    available=Decimal(1200),
    currency="USD",
)
CARD = AccountFacts(
    source_id="card",
    name="Rewards Card",
    mask="1234",
    type="credit",
    subtype="credit card",
    current=Decimal(1545),
    limit=Decimal(10000),
    currency="USD",
)


def paid(source_id: str, on: date, amount: str = "10.00", **more: object) -> TransactionFacts:
    """Return a transaction of the checking account."""
    values = {"account_id": "checking", "name": f"SHOP {source_id}", "currency": "USD"} | more
    return TransactionFacts(
        source_id=source_id,
        posted_on=on,
        amount=Decimal(amount),
        **values,  # type: ignore[arg-type]  # texts and flags of the transaction
    )


@dataclass(slots=True)
class Banks(BankData):
    """One item with its history. A cursor is how many changes of the history had been read.

    history: what happened at the bank, in order: a transaction, or the source id of one removed.
    troubles: raised by the next calls of a method, by its name. pause: waited for within a sync.
    """

    name: str = "Plaid"
    accounts_now: tuple[AccountFacts, ...] = (CHECKING, CARD)
    history: list[TransactionFacts | str] = field(default_factory=list)
    streams_now: tuple[StreamFacts, ...] = ()
    owed_now: tuple[LiabilityFacts, ...] = ()
    error_code: str | None = None
    from_start: bool = False
    troubles: dict[str, list[BaseException]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=lambda: {"public-1": "item-1"})
    removed: list[str] = field(default_factory=list)
    webhook: WebhookFacts | None = None
    pause: asyncio.Event | None = None
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    during: Callable[[], object] | None = None

    async def create_link_token(self, request: LinkRequest) -> LinkToken:
        """Return a token that says whether it repairs."""
        self._call("create_link_token")
        kind = "new" if request.access_token is None else f"update-{request.access_token}"
        return LinkToken(token=f"link-{kind}", expires_at=LINKED_AT + timedelta(hours=4))

    async def exchange(self, public_token: str) -> LinkedItem:
        """Return the item of a public token."""
        self._call("exchange")
        if public_token not in self.tokens:
            raise InvalidInput([])
        item_id = self.tokens[public_token]
        return LinkedItem(access_token=f"access-{item_id}", item_id=item_id)

    async def item(self, access_token: str) -> ItemFacts:
        """Return how the item stands."""
        self._call("item", access_token)
        return ItemFacts(
            item_id=access_token.removeprefix("access-"),
            institution_id="ins_109508",
            institution_name="First Platypus Bank",
            error_code=self.error_code,
        )

    async def accounts(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts."""
        self._call("accounts", access_token)
        return self.accounts_now

    async def balances(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts."""
        return await self.accounts(access_token)

    async def transactions(
        self, access_token: str, cursor: str | None, progress: Progress | None = None
    ) -> TransactionChanges:
        """Return what happened since the cursor."""
        self._call("transactions", access_token)
        self.reading.set()
        start = 0 if cursor is None or self.from_start else int(cursor)
        news = self.history[start:]
        if progress is not None:
            progress(len(news))
        if self.pause is not None:
            await self.pause.wait()
        if self.during is not None:
            self.during()
        known = {one.source_id for one in self.history[:start] if isinstance(one, TransactionFacts)}
        brought: dict[str, TransactionFacts] = {}
        gone: list[str] = []
        for one in news:
            if isinstance(one, str):
                brought.pop(one, None)
                gone.append(one)
            else:
                brought[one.source_id] = one
                gone = [each for each in gone if each != one.source_id]
        return TransactionChanges(
            accounts=self.accounts_now,
            added=tuple(one for one in brought.values() if one.source_id not in known),
            modified=tuple(one for one in brought.values() if one.source_id in known),
            removed=tuple(gone),
            cursor=str(len(self.history)),
            complete=True,
            from_start=start == 0,
        )

    async def streams(self, access_token: str) -> tuple[StreamFacts, ...]:
        """Return the recurring payments."""
        self._call("streams", access_token)
        return self.streams_now

    async def liabilities(self, access_token: str) -> tuple[LiabilityFacts, ...]:
        """Return what is owed."""
        self._call("liabilities", access_token)
        return self.owed_now

    async def owners(self, access_token: str) -> tuple[OwnerFacts, ...]:
        """Return nobody."""
        self._call("owners", access_token)
        return ()

    async def remove(self, access_token: str) -> None:
        """Note that the item is removed."""
        self._call("remove", access_token)
        self.removed.append(access_token)

    async def verified(self, signature: str | None, body: bytes, at: datetime) -> WebhookFacts:
        """Return the webhook that a test has put here, where it is signed `good...`."""
        self._call("verified")
        del body, at
        if signature is None or not signature.startswith("good") or self.webhook is None:
            raise Unauthenticated
        return self.webhook

    def now_has(self) -> dict[str, TransactionFacts]:
        """Return the transactions that the bank has, by their ids: what a sync has to end in."""
        held: dict[str, TransactionFacts] = {}
        for one in self.history:
            if isinstance(one, str):
                held.pop(one, None)
            else:
                held[one.source_id] = one
        return held

    def tells(self, type: str, code: str, **more: object) -> None:
        """Have the next verified webhook say this about the item."""
        facts = WebhookFacts(type=type, code=code, item_id="item-1")
        self.webhook = replace(facts, **more)  # type: ignore[arg-type]  # its own attributes

    def _call(self, name: str, access_token: str | None = None) -> None:
        self.calls.append(name)
        waiting = self.troubles.get(name)
        if waiting:
            raise waiting.pop(0)
        if access_token in self.removed:
            raise BankLinkGone
