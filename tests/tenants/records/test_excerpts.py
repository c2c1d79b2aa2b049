"""Excerpts stand for their records: the same values, had with less work, and the rest on demand."""

from dataclasses import fields, replace
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.applications import Application, Debt, DebtKind
from domain.consumers import Consumer
from domain.errors import StoreUnavailable
from tenants.records.codec import decode, decode_excerpt, encode
from tenants.records.excerpts import Excerpt, Laid, LaidField, class_of, laid_name
from tenants.records.kinds import KINDS, KindSpec, R, spec_of
from tenants.records.sealing import FieldSealer
from tests.tenants.record_samples import a_consumer, an_application, any_of
from tests.tenants.records.test_codec import KEYS, stored
from tests.tenants.stores import AGENCY_ID

DEBTS = Laid(
    attribute="debts",
    fields=(
        LaidField("__typename", constant="Debt"),
        LaidField("kind", "kind", DebtKind),
        LaidField("minimumPayment", "minimum_payment", Decimal),
        LaidField("apr", "apr", Decimal, nullable=True),
        LaidField("eligibleForPlan", "eligible_for_plan", bool),
        LaidField("id", "id", str),
    ),
    is_list=True,
)


class CountingSealer(FieldSealer):
    """Remembers which groups it has opened."""

    def __init__(self) -> None:
        super().__init__(AGENCY_ID, KEYS)
        self.opened: list[str] = []

    def unseal(self, kind: str, record_id: str, field: str | None, text: str) -> bytes:
        """Open a group, and remember it."""
        self.opened.append(str(field))
        return super().unseal(kind, record_id, field, text)


def excerpt_of(
    record: R, attributes: set[str], *laid: Laid, sealer: FieldSealer | None = None
) -> Any:
    """Return an excerpt of a record as it is stored; None where its body has another form."""
    sealer = sealer or CountingSealer()
    kind, body = spec_of(type(record)).kind, encode(record, sealer)
    excerpt = Excerpt.of(type(record), attributes, laid)
    return decode_excerpt(excerpt, body, sealer, partial(decode, kind, body, sealer))


def as_answered(debt: Debt) -> dict[str, object]:
    """Return what an answer says of a debt."""
    return {
        "__typename": "Debt",
        "kind": debt.kind.name,
        "minimumPayment": f"{debt.minimum_payment:f}",
        "apr": None if debt.apr is None else f"{debt.apr:f}",
        "eligibleForPlan": debt.eligible_for_plan,
        "id": debt.id,
    }


@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.kind)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_excerpt_has_what_its_record_has(spec: KindSpec[Any], data: st.DataObject) -> None:
    """Each attribute, wanted or not, is the record's own, in the record's own classes."""
    record = data.draw(any_of(spec.record))
    names = [attribute.name for attribute in fields(spec.record)]
    excerpt = excerpt_of(record, data.draw(st.sets(st.sampled_from(names))))
    assert class_of(excerpt) is class_of(record) is spec.record
    for name in data.draw(st.permutations(names)):
        assert getattr(excerpt, name) == getattr(record, name), name
        assert type(getattr(excerpt, name)) is type(getattr(record, name)), name


@settings(max_examples=40, deadline=None)
@given(application=any_of(Application))
def test_lines_go_out_as_they_lie(application: Application) -> None:
    """What lies ready says of each line what an answer says, and the lines are there as well."""
    excerpt = excerpt_of(application, {"debts"}, DEBTS)
    ready = getattr(excerpt, laid_name("debts"))
    written = msgspec.json.decode(ready) if ready else []
    assert written == [as_answered(debt) for debt in application.debts]
    assert [list(one) for one in written] == [[one.name for one in DEBTS.fields]] * len(written)
    assert bool(ready) is bool(application.debts)
    assert excerpt.debts == application.debts


def test_only_what_is_wanted_is_opened() -> None:
    """Groups that nothing wanted is in stay sealed, until somebody asks for more."""
    sealer = CountingSealer()
    assert excerpt_of(an_application(), {"state"}, DEBTS, sealer=sealer).state == "MI"
    assert sealer.opened == []
    consumer = excerpt_of(a_consumer(), {"name", "phone"}, sealer=sealer)
    assert (consumer.name, consumer.phone) == (a_consumer().name, a_consumer().phone)
    assert sealer.opened == ["name", "contact"]
    assert consumer.ssn_last4 == a_consumer().ssn_last4
    assert "identity" in sealer.opened


def test_the_whole_is_read_once() -> None:
    """However much more is asked for, the body is decoded a second time, and no third."""
    sealer = CountingSealer()
    consumer = excerpt_of(a_consumer(), set(), sealer=sealer)
    assert (consumer.ssn, consumer.email) == (a_consumer().ssn, a_consumer().email)
    assert sealer.opened == ["name", "contact", "identity"]


def test_records_do_what_they_did() -> None:
    """Methods and properties of a record are its excerpt's; what neither has, neither has."""
    application = an_application()
    assert application.assignment is not None
    excerpt = excerpt_of(application, set())
    at = application.assignment.expires_at
    assert excerpt.counselor_at(at) is None
    assert excerpt.counselor_at(application.created_at) == application.assignment.counselor
    for name in ("nothing", "__await__", "_private"):
        assert not hasattr(excerpt, name)
    assert repr(excerpt_of(a_consumer(), {"ssn", "name"})) == "<excerpt of a record: Consumer>"


@pytest.mark.parametrize("name", ["application.1", "application.2"])
def test_older_bodies_are_read_whole(name: str) -> None:
    """A body of an older schema number, or from before amounts were known as exact."""
    body = stored(name)
    excerpt = Excerpt.of(Application, {"state"}, [DEBTS])
    assert decode_excerpt(excerpt, body, None, an_application) is None


def test_amounts_that_would_be_spelled_otherwise_are_read_whole() -> None:
    """An amount of no or one place is the same amount, and an answer spells it with two."""
    (debt,) = an_application().debts
    inexact = an_application(debts=(replace(debt, minimum_payment=Decimal(35)),))
    assert excerpt_of(inexact, {"state"}, DEBTS) is None
    assert excerpt_of(inexact, {"state"}).debts == inexact.debts


@pytest.mark.parametrize(
    "spelled", ["lots", "<b>1.00</b>", "1e3", "35", "35.0", "035.00", "35.00|1.00", "", " 35.00"]
)
def test_what_only_says_that_it_is_exact_is_read_whole(spelled: str) -> None:
    """Each amount is looked at, whatever the body says of itself."""
    body = encode(an_application())
    assert b'"minimumPayment":"35.00"' in body
    changed = body.replace(b'"minimumPayment":"35.00"', f'"minimumPayment":"{spelled}"'.encode())
    excerpt = Excerpt.of(Application, {"state"}, [DEBTS])
    assert decode_excerpt(excerpt, body, None, an_application) is not None
    assert decode_excerpt(excerpt, changed, None, an_application) is None


def test_a_sealed_value_in_the_open_is_not_believed() -> None:
    """Whoever has the file's key and no data key cannot put one where nobody looks for it."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    body = encode(an_application(), sealer)
    forged = body.replace(b'"schema":2,', b'"schema":2,"hardshipReason":"forged",', 1)
    excerpt = Excerpt.of(Application, {"state"}, [DEBTS])
    with pytest.raises(StoreUnavailable):
        decode_excerpt(excerpt, forged, sealer, an_application)


@pytest.mark.parametrize(
    ("record_type", "laid"),
    [
        (Application, replace(DEBTS, fields=(LaidField("last4", "account_last4", str),))),
        (Application, replace(DEBTS, fields=(LaidField("accountLast4", "account_last4", str),))),
        (Application, replace(DEBTS, fields=(LaidField("name", "creditor", str),))),
        (Application, replace(DEBTS, fields=(LaidField("nothing", "nothing", str),))),
        (Application, replace(DEBTS, fields=(LaidField("sourceKey", constant="Debt"),))),
        (Application, replace(DEBTS, fields=(LaidField("type", constant="Debt"),))),
        (Application, replace(DEBTS, is_list=False)),
        (Application, replace(DEBTS, attribute="state")),
        (Application, replace(DEBTS, attribute="nothing")),
        (Consumer, Laid("name", (LaidField("given", "given", str),), is_list=False)),
    ],
)
def test_what_does_not_lie_so_is_no_laid_attribute(record_type: type[Any], laid: Laid) -> None:
    """Sealed, called otherwise, not there, no list, or a constant by a name that a body may have.

    It is read and written by itself then.
    """
    assert DEBTS.lies_in(Application)
    assert not laid.lies_in(record_type)
