"""Tokens and items."""

from datetime import datetime

from msgspec import Struct

from domain.banking import ItemFacts, LinkedItem, LinkToken
from integrations.plaid.wire.values import Code, Id, Name, Token, Unusable, decode, line, moment


class _LinkToken(Struct, frozen=True, kw_only=True):
    link_token: Token
    expiration: datetime


class _Exchange(Struct, frozen=True, kw_only=True):
    access_token: Token
    item_id: Id


class _Fault(Struct, frozen=True, kw_only=True):
    error_code: Code


class _Item(Struct, frozen=True, kw_only=True):
    item_id: Id
    institution_id: Id | None = None
    institution_name: Name | None = None
    error: _Fault | None = None
    consent_expiration_time: datetime | None = None


class _ItemAnswer(Struct, frozen=True, kw_only=True):
    item: _Item


class _Acknowledgement(Struct, frozen=True, kw_only=True):
    request_id: Id


def read_link_token(body: bytes) -> LinkToken:
    """Return the token that opens Link. Raises Unusable and msgspec.DecodeError, as all here."""
    answer = decode(body, _LinkToken)
    expires_at = moment(answer.expiration, "expiration")
    if expires_at is None:
        raise Unusable("expiration is missing")
    return LinkToken(token=answer.link_token, expires_at=expires_at)


def read_exchange(body: bytes) -> LinkedItem:
    """Return the lasting token and the item that it is of."""
    answer = decode(body, _Exchange)
    return LinkedItem(access_token=answer.access_token, item_id=answer.item_id)


def read_item(body: bytes) -> ItemFacts:
    """Return how the item stands."""
    item = decode(body, _ItemAnswer).item
    return ItemFacts(
        item_id=item.item_id,
        institution_id=item.institution_id,
        institution_name=line(item.institution_name),
        error_code=item.error.error_code if item.error else None,
        consent_expires_at=moment(item.consent_expiration_time, "item.consent_expiration_time"),
    )


def read_acknowledgement(body: bytes) -> None:
    """Read an answer that says no more than that it was done."""
    decode(body, _Acknowledgement)
