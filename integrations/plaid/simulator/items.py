"""What the simulator remembers: link tokens, public tokens and items, and each item's changes."""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from integrations.plaid.simulator.accounts import Json
from integrations.plaid.simulator.faults import (
    CHANGED,
    FORCED,
    NO_ACCESS_TOKEN,
    USERS,
    Fault,
    Refused,
    bad_field,
    refused,
)
from integrations.plaid.simulator.transactions import identifier
from integrations.plaid.simulator.worlds import World, custom_world, world_of

INSTITUTIONS: Mapping[str, str] = {
    "ins_109508": "First Platypus Bank",
    "ins_109509": "First Gingham Credit Union",
    "ins_109510": "Tattersall Federal Credit Union",
    "ins_109511": "Tartan Bank",
    "ins_109512": "Houndstooth Bank",
}
PUBLIC_TOKEN_MINUTES = 30
LINK_TOKEN_HOURS, UPDATE_TOKEN_MINUTES = 4, 30
_ACCESS_TOKEN = re.compile(r"access-sandbox-(user_[a-z_]+)-(ins_\d+)-([0-9a-f]{12})")


class Change(NamedTuple):
    """One entry of an item's log: what became of which transaction."""

    kind: str
    transaction: Json


class Walk(NamedTuple):
    """A cursor: where the walk began in the log (-1: at nothing), its end then, how far."""

    begun: int
    end: int
    position: int

    def text(self) -> str:
        """Return it as clients see it."""
        return base64.b64encode(f"{self.begun}.{self.end}.{self.position}".encode()).decode()


@dataclass(slots=True, kw_only=True)
class Item:
    """One link to a bank. log: what happened since it was made; asked: how often, by endpoint."""

    access_token: str = field(repr=False)
    item_id: str
    user: str
    institution_id: str
    world: World
    webhook: str | None = None
    error: Fault | None = None
    log: list[Change] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    mutated: bool = False

    def add(self, transaction: Json) -> None:
        """Let a transaction happen."""
        self.world.transactions.append(transaction)
        self.log.append(Change("added", transaction))

    def settle(self, source_id: str) -> None:
        """Let a pending transaction be posted: it goes, and comes again under another id."""
        pending = next(one for one in self.world.transactions if one["transaction_id"] == source_id)
        self.world.transactions.remove(pending)
        self.log.append(Change("removed", pending))
        posted = {
            **pending,
            "transaction_id": identifier("transaction", f"{source_id}|posted"),
            "pending": False,
            "pending_transaction_id": source_id,
        }
        self.add(posted)

    def page(self, cursor: str | None, count: int) -> tuple[list[Change], str, bool]:
        """Return a page of changes, the next cursor and whether there is more.

        Raises Refused where the log has grown since the first page of this walk.
        """
        walk = self._walk(cursor)
        if walk.position and walk.end != len(self.log):
            raise Refused(CHANGED)
        if walk.begun < 0:
            changes = [Change("added", one) for one in self.world.transactions]
        else:
            changes = _merged(self.log[walk.begun : walk.end])
        shown = changes[walk.position : walk.position + count]
        reached = walk.position + len(shown)
        more = reached < len(changes)
        following = walk._replace(position=reached) if more else Walk(walk.end, -1, 0)
        return shown, following.text(), more

    def walks_from_nothing(self, cursor: str | None) -> bool:
        """Say whether a cursor is of a walk that began at nothing."""
        return self._walk(cursor).begun < 0

    def _walk(self, cursor: str | None) -> Walk:
        """Read a cursor; raises Refused for one that is none of this item's."""
        if not cursor:
            return Walk(-1, len(self.log), 0)
        try:
            begun, end, position = base64.b64decode(cursor, validate=True).decode().split(".")
            walk = Walk(int(begun), int(end), int(position))
        except ValueError:
            raise bad_field("cursor is not valid") from None
        if walk.begun > len(self.log) or walk.end > len(self.log):
            raise bad_field("cursor not associated with access_token")
        return walk if walk.end >= 0 else walk._replace(end=len(self.log))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSession:
    """What a link token was made for; access_token: of the item to repair."""

    token: str = field(repr=False)
    webhook: str | None
    redirect_uri: str | None
    access_token: str | None = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Somebody who has signed in at a bank, in Link; custom: what user_custom's password says."""

    user: str
    institution_id: str
    custom: Mapping[str, object] | None
    webhook: str | None
    expires_at: datetime


class Memory:
    """Everything that lives as long as the process."""

    def __init__(self) -> None:
        self.links: dict[str, LinkSession] = {}
        self._public: dict[str, SignIn] = {}
        self._items: dict[str, Item] = {}
        self._removed: set[str] = set()

    def open_link(
        self,
        *,
        webhook: str | None,
        redirect_uri: str | None,
        access_token: str | None,
        at: datetime,
    ) -> LinkSession:
        """Return a new link token."""
        lasts = (
            timedelta(minutes=UPDATE_TOKEN_MINUTES)
            if access_token
            else timedelta(hours=LINK_TOKEN_HOURS)
        )
        session = LinkSession(
            token=f"link-sandbox-{secrets.token_hex(16)}",
            webhook=webhook,
            redirect_uri=redirect_uri,
            access_token=access_token,
            expires_at=at + lasts,
        )
        self.links[session.token] = session
        return session

    def sign_in(
        self,
        *,
        user: str,
        institution_id: str,
        custom: Mapping[str, object] | None,
        webhook: str | None,
        at: datetime,
    ) -> str:
        """Return a public token; raises Refused where the sign-in fails."""
        if institution_id not in INSTITUTIONS:
            raise refused("INVALID_INPUT", "INVALID_INSTITUTION", "invalid institution_id")
        if user not in USERS:
            raise refused("ITEM_ERROR", "INVALID_CREDENTIALS", "the credentials are not correct")
        forced = str((custom or {}).get("force_error", "")) or None
        if forced is not None and forced in FORCED:
            raise refused(FORCED[forced], forced, "the error that was asked for")
        if custom is not None:
            custom_world(custom, "trial")
        token = f"public-sandbox-{secrets.token_hex(16)}"
        self._public[token] = SignIn(
            user=user,
            institution_id=institution_id,
            custom=custom,
            webhook=webhook,
            expires_at=at + timedelta(minutes=PUBLIC_TOKEN_MINUTES),
        )
        return token

    def exchange(self, public_token: str, at: datetime) -> Item:
        """Return the item of a public token, which is used up by it."""
        signed = self._public.pop(public_token, None)
        if signed is None or signed.expires_at <= at:
            raise refused("INVALID_INPUT", "INVALID_PUBLIC_TOKEN", "no such public token")
        nonce = secrets.token_hex(6)
        token = f"access-sandbox-{signed.user}-{signed.institution_id}-{nonce}"
        item = _make(token, signed.user, signed.institution_id, at.date(), signed.custom)
        item.webhook = signed.webhook
        self._items[token] = item
        return item

    def item(self, access_token: str, at: datetime) -> Item:
        """Return the item of an access token.

        One that is not known but reads as if it had been made here comes to life again: a token
        that a store has kept outlives the simulator, all but user_custom's.
        """
        found = self._items.get(access_token)
        if found is not None:
            return found
        named = _ACCESS_TOKEN.fullmatch(access_token)
        if named is None or access_token in self._removed:
            raise Refused(NO_ACCESS_TOKEN)
        user, institution_id, _ = named.groups()
        if user not in USERS or user == "user_custom" or institution_id not in INSTITUTIONS:
            raise Refused(NO_ACCESS_TOKEN)
        item = self._items[access_token] = _make(
            access_token, user, institution_id, at.date(), None
        )
        return item

    def remove(self, item: Item) -> None:
        """Forget an item."""
        self._items.pop(item.access_token, None)
        self._removed.add(item.access_token)


def _make(
    token: str, user: str, institution_id: str, today: date, custom: Mapping[str, object] | None
) -> Item:
    world = world_of(user, token, today) if custom is None else custom_world(custom, token)
    return Item(
        access_token=token,
        item_id=identifier("item", token),
        user=user,
        institution_id=institution_id,
        world=world,
    )


def _merged(changes: list[Change]) -> list[Change]:
    """Return changes with each transaction once, as it ended."""
    first: dict[str, str] = {}
    last: dict[str, Change] = {}
    for change in changes:
        source_id = str(change.transaction["transaction_id"])
        first.setdefault(source_id, change.kind)
        last[source_id] = change
    kept = []
    for source_id, change in last.items():
        fresh = first[source_id] == "added"
        if change.kind == "removed" and fresh:
            continue
        kept.append(Change("added", change.transaction) if fresh else change)
    return kept
