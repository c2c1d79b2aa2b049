"""What is said about a consumer: cleaned, compared with what is known, and named for the audit."""

from dataclasses import replace
from typing import Any

from domain.consumers import Address, Consumer, PersonName
from domain.validation import (
    ADDRESS_LINE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    SUFFIX_CHARACTERS_MAX,
    Faults,
    clean_date_of_birth,
    clean_email,
    clean_optional_text,
    clean_phone,
    clean_postal_code,
    clean_ssn,
    clean_state,
    clean_text,
)
from resolvers.context import RequestContext
from resolvers.inputs import ABSENT, AddressInput, PersonInput, PersonNameInput, given

_WIRE_NAMES = {
    "name": "name",
    "email": "email",
    "phone": "phone",
    "date_of_birth": "dateOfBirth",
    "address": "address",
    "ssn": "ssn",
}


def clean_person(context: RequestContext, faults: Faults, person: PersonInput) -> dict[str, Any]:
    """Return the clean values of all that was given, by attribute; None clears one.

    Faults are recorded under `input.`; a name cannot be cleared.
    """
    clean: dict[str, Any] = {
        name: None for name in _WIRE_NAMES if getattr(person, name) is not ABSENT
    }
    if name := given(person.name):
        clean["name"] = _clean_name(faults, name)
    elif "name" in clean:
        faults.add("input.name", "REQUIRED", "A name can be changed, not removed.")
    if address := given(person.address):
        clean["address"] = _clean_address(faults, address)
    if (email := given(person.email)) is not None:
        clean["email"] = clean_email(faults, "input.email", email)
    if (phone := given(person.phone)) is not None:
        clean["phone"] = clean_phone(faults, "input.phone", phone)
    if (born := given(person.date_of_birth)) is not None:
        today = context.request.at.date()
        clean["date_of_birth"] = clean_date_of_birth(faults, "input.dateOfBirth", born, today=today)
    if (ssn := given(person.ssn)) is not None:
        allow_test = context.request.allow_test_ssn
        clean["ssn"] = clean_ssn(faults, "input.ssn", ssn, allow_test=allow_test)
    return clean


def changed(
    context: RequestContext, consumer: Consumer, clean: dict[str, Any]
) -> tuple[Consumer, tuple[str, ...]]:
    """Return the consumer with the clean values, and the names of the fields that differ now."""
    names = tuple(
        f"Consumer.{_WIRE_NAMES[name]}"
        for name, value in clean.items()
        if value != getattr(consumer, name)
    )
    return replace(consumer, **clean, updated_at=context.request.at), names


def _clean_name(faults: Faults, name: PersonNameInput) -> PersonName:
    middle, suffix = given(name.middle), given(name.suffix)
    limit = NAME_CHARACTERS_MAX
    return PersonName(
        given=clean_text(faults, "input.name.given", name.given, characters_max=limit),
        middle=clean_optional_text(faults, "input.name.middle", middle, characters_max=limit),
        family=clean_text(faults, "input.name.family", name.family, characters_max=limit),
        suffix=clean_optional_text(
            faults, "input.name.suffix", suffix, characters_max=SUFFIX_CHARACTERS_MAX
        ),
    )


def _clean_address(faults: Faults, address: AddressInput) -> Address:
    line2 = given(address.line2)
    limit = ADDRESS_LINE_CHARACTERS_MAX
    return Address(
        line1=clean_text(faults, "input.address.line1", address.line1, characters_max=limit),
        line2=clean_optional_text(faults, "input.address.line2", line2, characters_max=limit),
        city=clean_text(faults, "input.address.city", address.city, characters_max=limit),
        state=clean_state(faults, "input.address.state", address.state),
        postal_code=clean_postal_code(faults, "input.address.postalCode", address.postal_code),
    )
