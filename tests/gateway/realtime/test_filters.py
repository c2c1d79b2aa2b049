"""Enhanced filters: every operator, every limit, and what they do to what is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Scope
from domain.errors import InvalidInput
from gateway.realtime.filters import read_filter
from tests.gateway.realtime.house import EVERYTHING, House
from tests.gateway.realtime.wires import WIRES, Refused, appsync, until_the_end

FOUND = {
    "status": "SUBMITTED",
    "householdSize": 3,
    "open": True,
    "nothing": None,
    "monthly": "1250.50",
    "tags": ["a", "b"],
    "totals": {"net": "-10.00", "deeper": {"one": 1}},
}
HOLDS: list[tuple[str, str, Any, bool]] = [
    ("status", "eq", "SUBMITTED", True),
    ("status", "eq", "submitted", False),
    ("status", "ne", "DRAFT", True),
    ("householdSize", "eq", 3, True),
    ("householdSize", "eq", "3", True),
    ("householdSize", "le", 3, True),
    ("householdSize", "lt", 3, False),
    ("householdSize", "ge", 4, False),
    ("householdSize", "gt", 2.5, True),
    ("householdSize", "between", [1, 3], True),
    ("householdSize", "between", [4, 9], False),
    ("open", "eq", True, True),
    ("open", "eq", 1, False),
    ("open", "gt", 0, False),
    ("nothing", "eq", None, True),
    ("nothing", "ne", None, False),
    ("nothing", "lt", 5, False),
    ("nothing", "ne", 5, True),
    ("missing", "eq", None, True),
    ("monthly", "gt", 999, True),
    ("monthly", "gt", "999", True),
    ("monthly", "eq", 1250.5, True),
    ("monthly", "eq", "1250.5", False),
    ("totals.net", "lt", 0, True),
    ("totals.deeper.one", "eq", 1, True),
    ("tags", "contains", "a", True),
    ("tags", "notContains", "a", False),
    ("tags", "containsAny", ["z", "b"], True),
    ("tags", "containsAny", ["z"], False),
    ("status", "contains", "MIT", True),
    ("status", "notContains", "MIT", False),
    ("status", "beginsWith", "SUB", True),
    ("householdSize", "beginsWith", "3", False),
    ("status", "in", ["DRAFT", "SUBMITTED"], True),
    ("status", "notIn", ["DRAFT"], True),
    ("status", "notIn", ["SUBMITTED"], False),
    ("status", "gt", 5, False),
]


IDS = "subscription { onApplicationUpdated { id } }"


def one_filter(name: str, operator: str, value: Any) -> dict[str, Any]:
    """Return a filter of one condition."""
    return {"filterGroup": [{"filters": [_one(name, operator, value)]}]}


def _one(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"fieldName": name, "operator": operator, "value": value}


@pytest.mark.parametrize(("name", "operator", "value", "holds"), HOLDS)
def test_each_operator_holds_as_appsync_s_does(
    name: str, operator: str, value: Any, holds: bool
) -> None:
    """By the table; amounts, which are texts, compare as numbers with numbers."""
    assert read_filter(one_filter(name, operator, value), "filter").matches(FOUND) is holds


def test_groups_are_alternatives_and_filters_conditions() -> None:
    """One group that holds is enough; in it, all have to."""
    yes, no = _one("householdSize", "eq", 3), _one("householdSize", "eq", 4)
    for groups, holds in (
        ([[yes], [no]], True),
        ([[yes, no]], False),
        ([[no], [no]], False),
        ([[yes, yes], [no]], True),
    ):
        given = {"filterGroup": [{"filters": group} for group in groups]}
        assert read_filter(given, "filter").matches(FOUND) is holds


REFUSED: dict[str, Any] = {
    "no object": [],
    "no groups": {"filterGroup": []},
    "a group of nothing": {"filterGroup": [{"filters": []}]},
    "an unknown member": {"filterGroup": [{"filters": []}], "other": 1},
    "too many groups": {"filterGroup": [{"filters": [_one("a", "eq", 1)]}] * 11},
    "too many filters": {"filterGroup": [{"filters": [_one("a", "eq", 1)] * 11}]},
    "too many fields": {"filterGroup": [{"filters": [_one(f"a{n}", "eq", 1) for n in range(6)]}]},
    "a path too deep": one_filter("a.b.c.d.e.f", "eq", 1),
    "no name": one_filter("a b", "eq", 1),
    "an argument": one_filter('ssn(purpose: "x")', "eq", 1),
    "an unknown operator": one_filter("a", "like", 1),
    "a list for one": one_filter("a", "eq", [1]),
    "one for a list": one_filter("a", "in", 1),
    "too many values": one_filter("a", "in", [1, 2, 3, 4, 5, 6]),
    "too many contained": one_filter("a", "containsAny", list(range(21))),
    "half a span": one_filter("a", "between", [1]),
    "a span of nothing": one_filter("a", "between", [None, None]),
    "a number to begin with": one_filter("a", "beginsWith", 1),
    "an order of truths": one_filter("a", "lt", True),
    "a text too long": one_filter("a", "eq", "x" * 257),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_beyond_the_limits_is_refused(name: str) -> None:
    """Nothing is passed over, and each fault has its place."""
    with pytest.raises(InvalidInput) as refused:
        read_filter(REFUSED[name], "filter")
    assert all(fault.path.startswith("filter") for fault in refused.value.fields)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from([one[1] for one in HOLDS]), _VALUES, _VALUES)
def test_no_value_makes_a_filter_fail(operator: str, value: Any, found: Any) -> None:
    """Whatever is compared with whatever, the answer is yes or no, or the filter is refused."""
    try:
        only = read_filter(one_filter("a", operator, value), "filter")
    except InvalidInput:
        return
    assert only.matches({"a": found}) in (True, False)


async def test_only_what_passes_is_told(house: House) -> None:
    """The filter looks at what the subscriber may read, whatever they have selected."""
    key = house.keys["harbor"]
    one, two = await house.start(key), await house.start(key)
    only = one_filter("hardshipReason", "beginsWith", "Lost")
    async with appsync(
        house, key, "subscription { onApplicationUpdated { id } }", filter=only
    ) as told:
        await house.change(key, one, "Ill.")
        await house.change(key, two, "Lost my job.")
        result = await told.next()
    assert result["data"] == {"onApplicationUpdated": {"id": two}}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown", "has no field unknown"),
        ("totals", "has fields"),
        ("consumer.unknown", "has no field unknown"),
        ("status.length", "has no field length"),
        ("debts.balance", "a list of objects"),
        ("consumer.ssn", "wants arguments"),
    ],
)
async def test_what_has_no_value_cannot_be_looked_at(house: House, name: str, message: str) -> None:
    """Unknown fields, objects, lists of them and what wants arguments are refused at the start."""
    with pytest.raises(Refused) as refused:
        async with appsync(
            house, house.keys["harbor"], EVERYTHING, filter=one_filter(name, "ne", "x")
        ):
            pass
    assert refused.value.code == "INVALID_INPUT"
    (fault,) = refused.value.errors[0]["errorInfo"]["fields"]
    assert fault["path"] == "filter.filterGroup.0.filters.0.fieldName"
    assert message in fault["message"]


async def test_what_may_not_be_read_never_passes(house: House) -> None:
    """A rule that keeps a field from the subscriber keeps a filter on it from telling of it."""
    key = house.keys["harbor"]
    application = await house.start(key)
    only = {
        "filterGroup": [
            {"filters": [_one("counselor.id", "ne", "x"), _one("consumer.ssnLast4", "ne", "x")]}
        ]
    }
    limited = await house.add_key("harbor", Scope.APPLICATIONS_READ)
    async with (
        appsync(house, key, EVERYTHING, filter=only) as told,
        appsync(house, limited, EVERYTHING, filter=only) as kept,
    ):
        await house.change(key, application, "quiet")
        await told.next()
        await house.revoke(limited)
        with pytest.raises(Refused) as ended:
            await kept.next()
    assert ended.value.code == "UNAUTHENTICATED", "nothing was told before"


@pytest.mark.parametrize("wire", WIRES)
async def test_what_invalidates_a_subscription_is_the_last_that_it_tells(
    house: House, wire: str
) -> None:
    """The event that matches is told, and then the end, as each protocol has it; no error."""
    key = house.keys["harbor"]
    application = await house.start(key)
    last = one_filter("hardshipReason", "eq", "That is all.")
    async with WIRES[wire](house, key, EVERYTHING, invalidationFilter=last) as told:
        await house.change(key, application, "More to come.")
        await house.change(key, application, "That is all.")
        results, ended = await until_the_end(told)
    assert results[-1]["data"]["onApplicationUpdated"]["hardshipReason"] == "That is all."
    assert ended.code == "COMPLETE"


async def test_a_wrong_invalidation_filter_is_refused_by_its_name(house: House) -> None:
    """Its faults do not look like those of the filter beside it."""
    wrong = one_filter("unknown", "eq", 1)
    with pytest.raises(Refused) as refused:
        async with appsync(house, house.keys["harbor"], EVERYTHING, invalidationFilter=wrong):
            pass
    (fault,) = refused.value.errors[0]["errorInfo"]["fields"]
    assert fault["path"] == "invalidationFilter.filterGroup.0.filters.0.fieldName"
