"""What can become of a field in a masked copy."""

from enum import StrEnum


class Treatment(StrEnum):
    """What becomes of a field in a masked copy."""

    KEEP = "codes, kinds, states and counts: they tell nobody apart"
    PARTS = "a record within the record: each of its fields has a row of its own"
    ANEW = "the copy begins its own history"
    ID = "another id of the same form, joined as before"
    SUBJECT = "another subject of a user pool, joined as before"
    WORDS = "made-up words of the same lengths, per person"
    EMAIL = "an undeliverable address of the same length, joined as before"
    PHONE = "an unassigned number of the same form, joined as before"
    SSN = "a number never issued, joined as before"
    BLIND = "the blind index of the copy, where the number is still the consumer's"
    POSTAL_CODE = "another ZIP code with the same first three digits"
    ACCOUNT = "other letters and digits, joined within the person"
    SHIFT = "moved back by the person's own 1 to 365 days, to the microsecond where it is a moment"
    NOISE = "moved by one to ten percent"
    RATE = "a percentage moved by one to ten percent"
    SCORE = "moved by one to ten percent within 300 to 850"
    DERIVED = "computed again from what was masked"
    CREDITOR = "kept where a bureau or three consumers name it, made up elsewhere"
    DROP = "left out"
    NONE_OF_THEM = "left out, all of the list"
