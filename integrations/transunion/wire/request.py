"""Builds a request for one subject's file, in either of the two forms that the vendor is sent.

The reference travels as `userRefNumber`, so that operators can match the vendor's bill with our
reports; one that is longer than the vendor is thought to take goes as a hash of itself.
"""

import hashlib
import re
import xml.etree.ElementTree as ET

from domain.credit import CreditSubject, PullKind
from integrations.transunion.settings import RequestForm, TransUnionSettings

NETACCESS_NAMESPACE = "http://www.netaccess.transunion.com/namespace"
NAMESPACE = "http://www.transunion.com/namespace"

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def build_request(
    subject: CreditSubject, kind: PullKind, settings: TransUnionSettings, *, reference: str
) -> bytes:
    """Return the request document, UTF-8."""
    bureau = _credit_bureau(subject, kind, settings, reference)
    if settings.request_form is RequestForm.BARE:
        return _document(bureau)
    envelope = ET.Element("xmlrequest", {"xmlns": NETACCESS_NAMESPACE})
    _leaf(envelope, "systemId", settings.system_id)
    _leaf(envelope, "systemPassword", settings.system_password)
    ET.SubElement(envelope, "productrequest").append(bureau)
    return _document(envelope)


def user_reference(reference: str, chars_max: int) -> str:
    """Return what the vendor is told as our reference."""
    text = _clean(reference)
    if len(text) <= chars_max:
        return text
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:chars_max]


def _credit_bureau(
    subject: CreditSubject, kind: PullKind, settings: TransUnionSettings, reference: str
) -> ET.Element:
    bureau = ET.Element("creditBureau", {"xmlns": NAMESPACE})
    _leaf(bureau, "document", "request")
    _leaf(bureau, "version", settings.version)
    control = ET.SubElement(bureau, "transactionControl")
    _leaf(control, "userRefNumber", user_reference(reference, settings.reference_chars_max))
    subscriber = ET.SubElement(control, "subscriber")
    _leaf(subscriber, "industryCode", settings.industry_code)
    _leaf(subscriber, "memberCode", settings.member_code(kind))
    _leaf(subscriber, "inquirySubscriberPrefixCode", settings.inquiry_prefix)
    _leaf(subscriber, "password", settings.password)
    options = ET.SubElement(control, "options")
    _leaf(options, "processingEnvironment", settings.processing_environment)
    _leaf(options, "country", "us")
    _leaf(options, "language", "en")
    _leaf(options, "contractualRelationship", "individual")
    _leaf(options, "pointOfSaleIndicator", "none")
    bureau.append(_product(subject, settings))
    return bureau


def _product(subject: CreditSubject, settings: TransUnionSettings) -> ET.Element:
    product = ET.Element("product")
    _leaf(product, "code", settings.product_code)
    asked = ET.SubElement(product, "subject")
    _leaf(asked, "number", "1")
    record = ET.SubElement(asked, "subjectRecord")
    record.append(_indicative(subject))
    if settings.score_model is not None:
        add_on = ET.SubElement(record, "addOnProduct")
        _leaf(add_on, "code", settings.score_model)
        _leaf(add_on, "scoreModelProduct", "true")
    instructions = ET.SubElement(product, "responseInstructions")
    _leaf(instructions, "returnErrorText", "true")
    purpose = ET.SubElement(product, "permissiblePurpose")
    _leaf(purpose, "code", settings.permissible_purpose)
    _leaf(purpose, "inquiryECOADesignator", "individual")
    if settings.end_user is not None:
        _leaf(ET.SubElement(purpose, "endUser"), "unparsed", settings.end_user)
    return product


def _indicative(subject: CreditSubject) -> ET.Element:
    indicative = ET.Element("indicative")
    person = ET.SubElement(ET.SubElement(indicative, "name"), "person")
    _leaf(person, "first", subject.name.given)
    _leaf(person, "middle", subject.name.middle)
    _leaf(person, "last", subject.name.family)
    suffix = subject.name.suffix
    _leaf(person, "generationalSuffix", suffix.strip(" .").upper() if suffix else None)
    address = ET.SubElement(indicative, "address")
    _leaf(address, "status", "current")
    lines = (subject.address.line1, subject.address.line2)
    street = ET.SubElement(address, "street")
    _leaf(street, "unparsed", " ".join(line for line in lines if line))
    location = ET.SubElement(address, "location")
    _leaf(location, "city", subject.address.city)
    _leaf(location, "state", subject.address.state)
    _leaf(location, "zipCode", subject.address.postal_code[:5])
    _leaf(ET.SubElement(indicative, "socialSecurity"), "number", subject.ssn)
    _leaf(indicative, "dateOfBirth", subject.date_of_birth.isoformat())
    return indicative


def _leaf(parent: ET.Element, name: str, text: str | None) -> None:
    """Add an element with text, none where there is no text."""
    cleaned = _clean(text or "")
    if cleaned:
        ET.SubElement(parent, name).text = cleaned


def _clean(text: str) -> str:
    """Return the text without what XML cannot hold, white space in single spaces."""
    return " ".join(_ILLEGAL.sub("", text).split())


def _document(root: ET.Element) -> bytes:
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
