"""Plaid's documented answers decode, exactly; what has been harmed is refused in words."""

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.banking import StreamFrequency
from integrations.plaid import wire
from tests.integrations.plaid.judging import document, examples

LATEST = date(2026, 12, 31)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
READERS: dict[str, Callable[[bytes], object]] = {
    "/accounts/balance/get": wire.read_accounts,
    "/accounts/get": wire.read_accounts,
    "/identity/get": wire.read_owners,
    "/item/get": wire.read_item,
    "/item/public_token/exchange": wire.read_exchange,
    "/item/remove": wire.read_acknowledgement,
    "/liabilities/get": wire.read_liabilities,
    "/link/token/create": wire.read_link_token,
    "/transactions/recurring/get": lambda body: wire.read_streams(body, latest=LATEST),
    "/transactions/sync": lambda body: wire.read_sync_page(body, latest=LATEST),
    "/webhook_verification_key/get": wire.read_key,
}
EXAMPLES = dict(examples())


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def read(path: str, value: object) -> Any:
    return READERS[path](encoded(value))


@pytest.mark.parametrize("path", sorted(READERS))
def test_documented_answers_are_read(path: str) -> None:
    """Whatever Plaid's document shows as an answer can be read."""
    READERS[path](encoded(EXAMPLES[path]))


def test_a_documented_page_is_read_to_the_cent() -> None:
    """Sign, day, category, merchant and pending come out as they stand; cents exactly."""
    page = read("/transactions/sync", EXAMPLES["/transactions/sync"])

    (added,), (modified,) = page.added, page.modified
    assert (added.amount, str(added.amount)) == (Decimal("72.10"), "72.10")
    assert (added.posted_on, added.authorized_on) == (date(2023, 9, 24), date(2023, 9, 22))
    assert (added.name, added.merchant) == ("PURCHASE WM SUPERCENTER #1700", "Walmart")
    assert (added.category, added.pending) == ("GENERAL_MERCHANDISE", False)
    assert (modified.pending, modified.amount) == (True, Decimal("28.34"))
    assert (page.complete, page.has_more, len(page.removed)) == (True, False, 1)


def test_documented_liabilities_are_read() -> None:
    """A card's rate is that of purchases; past due and due are there for the loans."""
    card, mortgage, student = read("/liabilities/get", EXAMPLES["/liabilities/get"])

    assert (card.kind, card.apr, card.minimum_payment) == ("credit", Decimal("12.5"), 20)
    assert card.statement_balance == Decimal("1708.77")
    assert (mortgage.apr, mortgage.past_due) == (Decimal("3.99"), Decimal("2304.00"))
    assert (student.apr, student.overdue) == (Decimal("5.25"), False)


def test_documented_streams_are_read() -> None:
    """Money in is negative, and how often it comes is Plaid's own word."""
    inflow, *_ = read("/transactions/recurring/get", EXAMPLES["/transactions/recurring/get"])

    assert (inflow.inflow, inflow.average) == (True, Decimal("-800.00"))
    assert (inflow.frequency, inflow.mature) == (StreamFrequency.SEMI_MONTHLY, True)


@pytest.mark.parametrize(
    ("digits", "amount"),
    [
        ("0.1", "0.10"),
        ("1e2", "100.00"),
        ("23631.9805", "23631.98"),
        ("2.675", "2.68"),  # as a float it is less, and would be 2.67
        ("-2.675", "-2.68"),
        ("99999999.99", "99999999.99"),
    ],
)
def test_amounts_never_pass_through_a_float(digits: str, amount: str) -> None:
    """What stands in the bytes is what is rounded, half up."""
    page = copy.deepcopy(EXAMPLES["/transactions/sync"])
    page["added"][0]["amount"] = "AMOUNT"
    body = encoded(page).replace(b'"AMOUNT"', digits.encode())

    (added,) = wire.read_sync_page(body, latest=LATEST).added
    assert str(added.amount) == amount


def change(path: tuple[str | int, ...], value: object) -> Callable[[Any], None]:
    def apply(answer: Any) -> None:
        for step in path[:-1]:
            answer = answer[step]
        answer[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (change(("added", 0, "amount"), "72.10"), r"added\[0\]\.amount is not a number"),
        (change(("added", 0, "amount"), True), r"added\[0\]\.amount is not a number"),
        (change(("added", 0, "amount"), 1e30), r"added\[0\]\.amount is"),
        (change(("added", 0, "amount"), None), r"added\[0\]\.amount is missing"),
        (
            change(("added", 0, "date"), "2099-01-01"),
            r"added\[0\]\.date lies too far",
        ),
        (change(("added", 0, "date"), "0007-01-01"), r"added\[0\]\.date is before 1970"),
        (change(("added", 0, "date"), "2023-02-30"), r"Invalid.*date"),
        (change(("added", 0, "pending"), "no"), r"bool"),
        (change(("added", 0, "transaction_id"), ""), r"length"),
        (change(("added", 0, "name"), "x" * 2000), r"length"),
        (change(("accounts", 0, "type"), "pocket"), r"accounts\[0\]\.type is none that is known"),
        (change(("accounts", 0, "balances", "limit"), -1), r"balances\.limit is beyond"),
        (change(("accounts", 0, "balances", "iso_currency_code"), "usd"), r"regex"),
        (change(("next_cursor",), ""), r"has_more without a next_cursor"),
        (change(("has_more",), 1), r"bool"),
        (change(("transactions_update_status",), "SOON"), r"transactions_update_status"),
        (change(("added",), {}), r"array"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_place(
    harm: Callable[[Any], None], words: str
) -> None:
    """Each fault is told with its place, and without the value."""
    answer = copy.deepcopy(EXAMPLES["/transactions/sync"])
    answer["has_more"] = True
    harm(answer)

    with pytest.raises(wire.Unusable, match=words) as raised:
        read("/transactions/sync", answer)
    assert "x" * 100 not in str(raised.value)
    assert "pocket" not in str(raised.value)


def test_ids_are_there_once() -> None:
    """Two accounts, transactions or streams of one id are refused: neither is known to be right."""
    for path, name, what in (
        ("/accounts/get", "accounts", "an account"),
        ("/identity/get", "accounts", "an account"),
        ("/transactions/sync", "added", "a transaction"),
        ("/transactions/sync", "removed", "a transaction"),
        ("/transactions/recurring/get", "outflow_streams", "a recurring payment"),
    ):
        answer = copy.deepcopy(EXAMPLES[path])
        answer[name].append(answer[name][0])
        with pytest.raises(wire.Unusable, match=f"{what}.*twice"):
            read(path, answer)


def test_there_is_a_limit_to_how_many() -> None:
    """More accounts or transactions than a page may have are refused, not cut."""
    many = [dict(EXAMPLES["/accounts/get"]["accounts"][0], account_id=f"{n}") for n in range(501)]
    with pytest.raises(wire.Unusable, match="more than 500 accounts"):
        read("/accounts/get", {"accounts": many})
    page = copy.deepcopy(EXAMPLES["/transactions/sync"])
    page["added"] = [dict(page["added"][0], transaction_id=f"{n}") for n in range(501)]
    with pytest.raises(wire.Unusable, match="more than 500 transactions"):
        read("/transactions/sync", page)


def test_control_characters_are_spaces() -> None:
    """A name is one line, whatever a bank put into it."""
    page = copy.deepcopy(EXAMPLES["/transactions/sync"])
    page["added"][0]["name"] = "A\x00B\r\n C"

    assert read("/transactions/sync", page).added[0].name == "A B  C"


def test_documented_webhooks_are_read() -> None:
    """Every webhook that is acted on is read as Plaid's document shows it."""
    for name, example in document()["webhooks"].items():
        said = wire.read_webhook(encoded(example), AT)
        assert (said.type, said.code) == (example["webhook_type"], example["webhook_code"]), name
        assert said.item_id == example["item_id"]
    fault = document()["webhooks"]["ItemErrorWebhook"]
    assert wire.read_webhook(encoded(fault), AT).error_code == fault["error"]["error_code"]


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2099-01-01", "0000-00-00", "-1", "NaN", "\ud800", "1e999", ""])
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place of a JSON value: container and key."""
    keys: Any = range(len(value)) if isinstance(value, list) else list(value)
    found = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], list | dict):
            found += places(value[key])
    return found


@pytest.mark.parametrize("path", sorted(READERS))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_harmed_answer_gives_values_or_a_refusal(path: str, data: st.DataObject) -> None:
    """Any change of a good answer is read, or refused in words: nothing else ever comes of it."""
    answer = copy.deepcopy(EXAMPLES[path])
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(answer)))
        if key in container or isinstance(container, list):
            container[key] = data.draw(_values)
    with suppress(wire.Unusable, msgspec.DecodeError):
        READERS[path](json.dumps(answer).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("path", sorted(READERS))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_harmed_bytes_give_values_or_a_refusal(path: str, data: st.DataObject) -> None:
    """Broken-off answers and any byte instead of another are read, or refused in words."""
    body = bytearray(encoded(EXAMPLES[path]))
    at = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        del body[at:]
    else:
        body[at] = data.draw(st.integers(0, 255))
    with suppress(wire.Unusable, msgspec.DecodeError):
        READERS[path](bytes(body))


def test_nesting_without_end_is_refused() -> None:
    """What would nest deeper than the reader can go is no answer."""
    for body in (b"[" * 100_000, b'{"accounts":' + b'[{"x":' * 50_000):
        with pytest.raises((wire.Unusable, msgspec.DecodeError)):
            wire.read_accounts(body)
