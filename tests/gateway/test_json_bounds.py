"""A request's JSON is bounded before anything is made of it: nobody has been asked who sent it."""

import json
import time

import pytest
from starlette.types import Message

from gateway.config import Limits
from gateway.errors import Refused
from gateway.http import AsgiRequest, read_request

SCOPE = {"method": "POST", "headers": [(b"content-type", b"application/json")]}
LIMITS = Limits()


async def read(body: bytes) -> object:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await read_request(AsgiRequest(SCOPE, receive), LIMITS)


BEGIN = b'{"query":"x","variables":{"query":1,"a":['
HOSTILE = {
    "many lists": BEGIN + b"[]," * 300_000 + b"1]}}",
    "many objects": BEGIN + b"{}," * 300_000 + b"1]}}",
    "many numbers": BEGIN + b"1," * 500_000 + b"1]}}",
    "deep lists": BEGIN + (b"[" * 60 + b"]" * 60 + b",") * 8000 + b"1]}}",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_megabyte_of_brackets_is_refused_at_once(name: str) -> None:
    """However the values are arranged, they are counted in the bytes and refused."""
    began = time.process_time()
    with pytest.raises(Refused) as refused:
        await read(HOSTILE[name])
    assert "values" in refused.value.error.message
    assert time.process_time() - began < 0.1


async def test_a_list_has_a_greatest_length() -> None:
    """One item more than the limit is refused, wherever the list is; the limit itself is not."""
    allowed = {"query": "x", "variables": {"input": {"remove": ["a"] * LIMITS.list_items}}}
    beyond = {"query": "x", "variables": {"input": {"remove": ["a"] * (LIMITS.list_items + 1)}}}

    assert await read(json.dumps(allowed).encode())
    with pytest.raises(Refused) as refused:
        await read(json.dumps(beyond).encode())
    assert "more than 300 items" in refused.value.error.message


async def test_a_budget_of_the_greatest_size_is_read() -> None:
    """A hundred lines of each kind, every member given, are within all bounds."""
    line = {
        "creditor": "Bank, of the town",
        "kind": "CREDIT_CARD",
        "accountLast4": "1234",
        "balance": "1.00",
        "apr": "9.99",
        "minimumPayment": "1.00",
        "pastDue": "0.00",
    }
    kinds = ("incomes", "expenses", "debts")
    body = {"query": "x", "variables": {"input": {kind: [line] * 100 for kind in kinds}}}

    assert await read(json.dumps(body).encode())
