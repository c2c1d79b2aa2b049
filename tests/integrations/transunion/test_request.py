"""Requests: what is in them, in both forms, and that nothing breaks out of its element."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.consumers import Address, PersonName
from domain.credit import CreditSubject, PullKind
from integrations.transunion.settings import RequestForm, TransUnionSettings
from integrations.transunion.wire import build_request

NETACCESS = "{http://www.netaccess.transunion.com/namespace}"
BUREAU = "{http://www.transunion.com/namespace}"


def text(bureau: ET.Element, path: str) -> str | None:
    return bureau.findtext("/".join(BUREAU + step for step in path.split("/")))


def bureau_of(document: bytes) -> ET.Element:
    root: ET.Element = fromstring(document)
    if root.tag == f"{BUREAU}creditBureau":
        return root
    found = root.find(f"{NETACCESS}productrequest/{BUREAU}creditBureau")
    assert found is not None
    return found


def test_a_request_says_who_asks_for_whom_and_why(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """Every element that the vendor wants is there, with our settings and the subject's data."""
    bureau = bureau_of(build_request(persona, PullKind.SOFT, settings, reference="rep_1"))
    control = "transactionControl/"
    record = "product/subject/subjectRecord/"
    expected = {
        "document": "request",
        "version": "2.33",
        f"{control}userRefNumber": "rep_1",
        f"{control}subscriber/industryCode": "F",
        f"{control}subscriber/memberCode": "F1000001",
        f"{control}subscriber/inquirySubscriberPrefixCode": "0622",
        f"{control}subscriber/password": "sandbox",
        f"{control}options/processingEnvironment": "standardTest",
        f"{control}options/country": "us",
        f"{control}options/contractualRelationship": "individual",
        "product/code": "07000",
        "product/permissiblePurpose/code": "CI",
        "product/permissiblePurpose/inquiryECOADesignator": "individual",
        "product/responseInstructions/returnErrorText": "true",
        f"{record}addOnProduct/code": "00V60",
        f"{record}indicative/name/person/first": "Robert",
        f"{record}indicative/name/person/middle": "E",
        f"{record}indicative/name/person/last": "Uphold",
        f"{record}indicative/name/person/generationalSuffix": "SR",
        f"{record}indicative/address/status": "current",
        f"{record}indicative/address/street/unparsed": "27366 Perry St",
        f"{record}indicative/address/location/city": "Roseville",
        f"{record}indicative/address/location/state": "MI",
        f"{record}indicative/address/location/zipCode": "48066",
        f"{record}indicative/socialSecurity/number": "666484418",
        f"{record}indicative/dateOfBirth": "1956-08-01",
    }
    assert {path: text(bureau, path) for path in expected} == expected


def test_soft_and_hard_differ_by_member_code_alone(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """The request has no mark of its kind: the subscription is the mark."""
    soft = build_request(persona, PullKind.SOFT, settings, reference="r")
    hard = build_request(persona, PullKind.HARD, settings, reference="r")
    assert soft.replace(b"F1000001", b"F1000002") == hard


def test_the_envelope_carries_the_systems_credentials(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """The enveloped form names the system; the bare form has neither its id nor its password."""
    enveloped = build_request(persona, PullKind.SOFT, settings, reference="r")
    root = fromstring(enveloped)
    assert root.tag == f"{NETACCESS}xmlrequest"
    assert root.findtext(f"{NETACCESS}systemId") == "almoner"
    assert root.findtext(f"{NETACCESS}systemPassword") == "sandbox"
    bare_settings = replace(
        settings, request_form=RequestForm.BARE, system_id="sys", system_password="hidden"
    )
    bare = build_request(persona, PullKind.SOFT, bare_settings, reference="r")
    assert fromstring(bare).tag == f"{BUREAU}creditBureau"
    assert b"hidden" not in bare
    assert b"systemId" not in bare


def test_what_is_unverified_comes_from_settings(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """Product, purpose, end user, score model and environment are an agency's to set."""
    other = replace(
        settings,
        version="2.21",
        product_code="08000",
        permissible_purpose="EP",
        end_user="HARBOR CC",
        score_model=None,
        processing_environment="production",
    )
    bureau = bureau_of(build_request(persona, PullKind.SOFT, other, reference="r"))
    assert text(bureau, "version") == "2.21"
    assert text(bureau, "product/code") == "08000"
    assert text(bureau, "product/permissiblePurpose/code") == "EP"
    assert text(bureau, "product/permissiblePurpose/endUser/unparsed") == "HARBOR CC"
    assert text(bureau, "product/subject/subjectRecord/addOnProduct/code") is None
    environment = "transactionControl/options/processingEnvironment"
    assert text(bureau, environment) == "production"


def test_a_long_reference_goes_as_its_hash(
    settings: TransUnionSettings, persona: CreditSubject
) -> None:
    """A reference beyond the limit is hashed, so that two long ones stay two."""
    references = [f"{'r' * 80}{number}" for number in (1, 2)]
    sent = [
        text(
            bureau_of(build_request(persona, PullKind.SOFT, settings, reference=reference)),
            "transactionControl/userRefNumber",
        )
        for reference in references
    ]
    assert len(set(sent)) == 2
    assert [len(reference or "") for reference in sent] == [64, 64]


@pytest.mark.parametrize(
    "family",
    ["O'Brien", "Smith & Sons", "<b>Bold</b>", "Muñoz", "李", "]]>", "&amp;", "a\u2028b", "😀"],
)
def test_names_stay_within_their_elements(
    settings: TransUnionSettings, make_subject: Callable[..., CreditSubject], family: str
) -> None:
    """Markup and letters of any script arrive as the text that they are."""
    document = build_request(make_subject(family), PullKind.SOFT, settings, reference="r")
    path = "product/subject/subjectRecord/indicative/name/person/last"
    assert text(bureau_of(document), path) == " ".join(family.split())


@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(name=st.text(st.characters(exclude_categories=())), street=st.text())
def test_no_text_breaks_a_request(settings: TransUnionSettings, name: str, street: str) -> None:
    """Whatever a name or a street holds, control characters and lone surrogates too, it is XML."""
    subject = CreditSubject(
        name=PersonName(given=name, family=name, middle=name, suffix=name),
        ssn="666000000",
        date_of_birth=date(1980, 1, 1),
        address=Address(line1=street, line2=name, city=name, state="MI", postal_code="48066"),
    )
    for form in RequestForm:
        document = build_request(
            subject, PullKind.HARD, replace(settings, request_form=form), reference=name
        )
        bureau = bureau_of(document)
        path = "product/subject/subjectRecord/indicative/socialSecurity/number"
        assert text(bureau, path) == "666000000"
        assert [child.tag for child in bureau] == [
            BUREAU + tag for tag in ("document", "version", "transactionControl", "product")
        ]
