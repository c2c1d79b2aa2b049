"""Reads a request as the vendor would: in either form, and refusing what is missing or wrong.

The vendor's error codes are not published; those here are the simulator's own.
"""

import re
import xml.etree.ElementTree as ET
from datetime import date

from defusedxml.ElementTree import fromstring

from integrations.transunion.simulator.account import SimulatorAccount
from integrations.transunion.simulator.records import Asked, Person

NETACCESS = "{http://www.netaccess.transunion.com/namespace}"
BUREAU = "{http://www.transunion.com/namespace}"
PRODUCTS = ("07000", "08000")

_SSN = re.compile(r"\d{9}")
_STATE = re.compile(r"[A-Z]{2}")
_ZIP = re.compile(r"\d{5}")


class Refused(Exception):
    """The request is answered with an error element."""

    def __init__(self, code: str, description: str, *, enveloped: bool) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.enveloped = enveloped


class NotAllowed(Exception):
    """The system's own credentials do not hold: refused before any XML is answered."""


class NotXml(Exception):
    """What came is not a request document at all."""


def read_request(body: bytes, account: SimulatorAccount) -> Asked:
    """Return what is asked for. Raises Refused, NotAllowed or NotXml."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ET.ParseError, ValueError) as error:
        raise NotXml from error
    enveloped = root.tag == f"{NETACCESS}xmlrequest"
    bureau = root
    if enveloped:
        given = (root.findtext(f"{NETACCESS}systemId"), root.findtext(f"{NETACCESS}systemPassword"))
        if given != (account.system_id, account.system_password):
            raise NotAllowed
        found = root.find(f"{NETACCESS}productrequest/{BUREAU}creditBureau")
        if found is None:
            raise Refused("SIM-020", "creditBureau is missing", enveloped=True)
        bureau = found
    elif root.tag != f"{BUREAU}creditBureau":
        raise NotXml
    return _Reader(bureau, enveloped=enveloped).read(account)


class _Reader:
    """Finds what is required, in the vendor's namespace alone."""

    def __init__(self, bureau: ET.Element, *, enveloped: bool) -> None:
        self._bureau = bureau
        self._enveloped = enveloped

    def read(self, account: SimulatorAccount) -> Asked:
        if self.required("document") != "request":
            raise self.refused("SIM-021", "document is not a request")
        member_code = self.required("transactionControl/subscriber/memberCode")
        if member_code not in (account.member_code_soft, account.member_code_hard):
            raise self.refused("SIM-010", "unknown subscriber")
        if self.required("transactionControl/subscriber/password") != account.password:
            raise self.refused("SIM-011", "invalid subscriber password")
        for path in (
            "version",
            "transactionControl/subscriber/industryCode",
            "transactionControl/subscriber/inquirySubscriberPrefixCode",
            "transactionControl/options/processingEnvironment",
            "transactionControl/options/country",
            "transactionControl/options/contractualRelationship",
            "product/permissiblePurpose/code",
            "product/permissiblePurpose/inquiryECOADesignator",
        ):
            self.required(path)
        product = self.required("product/code")
        if product not in PRODUCTS:
            raise self.refused("SIM-022", "product is not subscribed")
        return Asked(
            person=self.person(),
            reference=self.text("transactionControl/userRefNumber"),
            hard=member_code == account.member_code_hard,
            member_code=member_code,
            product=product,
            score_model=self.text("product/subject/subjectRecord/addOnProduct/code") or None,
            enveloped=self._enveloped,
        )

    def person(self) -> Person:
        base = "product/subject/subjectRecord/indicative"
        try:
            born = date.fromisoformat(self.required(f"{base}/dateOfBirth"))
        except ValueError:
            raise self.refused("SIM-030", "dateOfBirth is not a date") from None
        return Person(
            first=self.required(f"{base}/name/person/first"),
            middle=self.text(f"{base}/name/person/middle"),
            last=self.required(f"{base}/name/person/last"),
            suffix=self.text(f"{base}/name/person/generationalSuffix"),
            street=self.required(f"{base}/address/street/unparsed"),
            city=self.required(f"{base}/address/location/city"),
            state=self.shaped(f"{base}/address/location/state", _STATE),
            zip_code=self.shaped(f"{base}/address/location/zipCode", _ZIP),
            ssn=self.shaped(f"{base}/socialSecurity/number", _SSN),
            born=born,
        )

    def text(self, path: str) -> str:
        qualified = "/".join(f"{BUREAU}{step}" for step in path.split("/"))
        return (self._bureau.findtext(qualified) or "").strip()

    def required(self, path: str) -> str:
        text = self.text(path)
        if not text:
            raise self.refused("SIM-020", f"{path} is missing")
        return text

    def shaped(self, path: str, shape: re.Pattern[str]) -> str:
        text = self.required(path)
        if not shape.fullmatch(text):
            raise self.refused("SIM-030", f"{path} is malformed")
        return text

    def refused(self, code: str, description: str) -> Refused:
        return Refused(code, description, enveloped=self._enveloped)
