"""A field's gate by itself: what it refuses, what it notes, and what it judges once a request."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from domain.access import Principal
from domain.actors import KIND_OF_GROUP, Group, PrincipalKind
from domain.applications import Application, ApplicationStatus, Note
from domain.consumers import Consumer, PersonName
from domain.errors import Forbidden
from resolvers.context import NO_VENDORS, RequestContext, RequestMeta, open_context
from resolvers.reads import Refused
from schema.gates import (
    Gate,
    of_application,
    of_its_application,
    of_its_root,
    of_its_subject,
    of_itself,
)
from schema.rules import COUNSELORS, EVERYONE, Rule, allow

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
APPLICATION = Application(
    id="app_1", consumer_id="con_1", status=ApplicationStatus.DRAFT, created_at=NOW, updated_at=NOW
)
OWNERS = {Application: of_application, Consumer: of_itself}


def a_consumer(id_: str) -> Consumer:
    """Return a consumer of whom nothing is known."""
    name = PersonName(given="Ada", family="Byron")
    return Consumer(id=id_, name=name, created_at=NOW, updated_at=NOW)


def context(group: Group | None = Group.COUNSELORS, at: datetime = NOW) -> RequestContext:
    """Return the context of a request, by a person of the group or by a machine without scopes."""
    principal = Principal(
        kind=KIND_OF_GROUP[group] if group else PrincipalKind.INTEGRATION,
        subject="subject",
        display_name="Somebody",
        agency_id="agency",
        group=group,
        authenticated_at=NOW if group else None,
        expires_at=NOW + timedelta(hours=1),
    )
    return open_context(principal, None, None, None, NO_VENDORS, RequestMeta(id="r", at=at))


def a_gate(rule: Rule = COUNSELORS, **more: Any) -> Gate:
    """Return the gate of a field that says something of an application."""
    names: dict[str, Any] = {"type_name": "Application", "field_name": "state"}
    return Gate(rule=rule, **names | more)


def noted(request: RequestContext) -> dict[str, tuple[int, ...]]:
    """Return which fields of whose data were noted."""
    alike = request.guard.reads.alike(-1).items()
    return {owner: (fields,) for (fields, _), owners in alike for owner in owners}


def test_a_gate_is_named_as_audit_lines_name_the_field() -> None:
    """The type and the field, as clients write them."""
    assert a_gate().name == "Application.state"


def test_what_an_authorizer_denies_is_refused_though_the_rule_allows_it() -> None:
    """It is refused as by a rule, field by field, before and after its rule has been passed."""
    request = context()
    denied = frozenset({"Application.state"})
    request = replace(request, principal=replace(request.principal, denied_fields=denied))
    for _ in range(2):
        with pytest.raises(Forbidden, match="Not Authorized to access state on type Application"):
            a_gate(EVERYONE, owner=of_application).enter(request, APPLICATION)
        a_gate(EVERYONE, field_name="status").enter(request, APPLICATION)
    assert list(request.guard.reads.refused) == [Refused("Application.state", "app_1")]


def test_who_may_not_is_refused_and_the_refusal_is_noted() -> None:
    """In AppSync's words, with the field and whose data it was; nothing is noted as read."""
    request = context(Group.ADMINS)
    gate = a_gate(owner=of_application, bit=4)
    with pytest.raises(Forbidden, match="Not Authorized to access state on type Application"):
        gate.enter(request, APPLICATION)
    reads = request.guard.reads
    assert list(reads.refused) == [Refused("Application.state", "app_1")]
    assert noted(request) == {}
    assert reads.consumer_of("app_1") == "con_1"
    with pytest.raises(Forbidden):
        a_gate(owner=None).enter(request, APPLICATION)
    assert Refused("Application.state", None) in reads.refused


def test_a_refusal_is_not_remembered_as_a_pass() -> None:
    """Asked for again in the same request, it is refused again; another rule is judged anew."""
    request = context(Group.ADMINS)
    for _ in range(2):
        with pytest.raises(Forbidden):
            a_gate().enter(request, APPLICATION)
    a_gate(allow(Group.ADMINS)).enter(request, APPLICATION)
    with pytest.raises(Forbidden):
        a_gate().enter(request, APPLICATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(Rule):
    """A rule that says how often it was asked, and by whom, when and about which field."""

    asked: list[Sequence[Any]]

    def refusal(self, *about: Any) -> None:
        """Take note, and let everybody pass."""
        self.asked.append(about)


def test_a_rule_is_judged_once_a_request() -> None:
    """A verdict holds for all objects and fields of a request, and for no other request."""
    rule = Counting(asked=[])
    gates = [a_gate(rule), a_gate(rule, field_name="status", owner=of_application)]
    first, second = context(), context(at=NOW + timedelta(minutes=1))
    for request in (first, second):
        for _ in range(3):
            for gate in gates:
                gate.enter(request, APPLICATION)
    assert rule.asked == [
        (first.principal, NOW, "Application", "state"),
        (second.principal, NOW + timedelta(minutes=1), "Application", "state"),
    ]
    a_gate(replace(rule)).enter(first, APPLICATION)
    assert len(rule.asked) == 3, "an equal rule is another field's"


def test_each_field_that_is_read_is_noted_under_whose_data_it_is() -> None:
    """Bits of several fields add up for each owner; what is nobody's leaves nothing."""
    request = context()
    for bit, record in ((1, APPLICATION), (4, APPLICATION), (4, replace(APPLICATION, id="app_2"))):
        a_gate(owner=of_application, bit=bit).enter(request, record)
    a_gate(EVERYONE, owner=of_itself, bit=2).enter(request, a_consumer("con_9"))
    a_gate(owner=None, bit=8).enter(request, APPLICATION)
    a_gate(owner=of_its_subject, bit=8).enter(request, SimpleNamespace(subject=None))
    assert noted(request) == {"app_1": (5,), "con_9": (2,)}, "both applications are one consumer's"
    assert request.guard.reads.consumer_of("app_2") == "con_1"


def test_a_root_field_says_what_was_asked_for() -> None:
    """Root fields in their order, also one that is refused; fields beneath them are not told."""
    request = context(Group.ADMINS)
    for name in ("applications", "consumers"):
        with pytest.raises(Forbidden):
            a_gate(field_name=name, handed_out=OWNERS).enter(request, None)
    a_gate(EVERYONE).enter(request, APPLICATION)
    assert request.guard.reads.action == "applications,consumers"


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: SimpleNamespace(items=items)])
def test_all_that_a_root_field_hands_out_is_noted(wrap: Any) -> None:
    """One record, a list, or a page: of each whose it is, whatever is then selected of it."""
    request = context()
    gate = a_gate(handed_out=OWNERS)
    author = request.principal.actor
    note = Note(id="note_3_1", application_id="app_3", text="A", author=author, created_at=NOW)
    gate.leave(request, wrap([a_consumer("con_7"), note, APPLICATION, None, a_consumer("con_8")]))
    assert noted(request) == {"con_7": (0,), "con_8": (0,), "app_1": (0,)}
    alone = context()
    gate.leave(alone, APPLICATION)
    gate.leave(alone, None)
    assert noted(alone) == {"app_1": (0,)}


def test_a_record_names_its_owner_in_one_of_five_ways() -> None:
    """Itself, its application, its root, or its subject, which may be nobody."""
    reads = context().guard.reads
    line = SimpleNamespace(id="debt_5_1", application_id="app_5", subject="con_5")
    assert of_itself(reads, a_consumer("con_1")) == "con_1"
    assert of_application(reads, APPLICATION) == "app_1"
    assert of_its_application(reads, line) == "app_5"
    assert of_its_root(reads, line) == "app_5"
    assert of_its_root(reads, SimpleNamespace(id="note_5_1_9")) == "app_5"
    assert of_its_subject(reads, line) == "con_5"
    assert of_its_subject(reads, SimpleNamespace(subject=None)) is None
