"""Pseudonyms: what stands for a personal value is of its kind, the same each time, nobody's."""

import re
import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.ids import is_ulid, new_ulid, parse_global_id, ulid_time
from domain.validation import (
    Faults,
    clean_email,
    clean_phone,
    clean_postal_code,
    clean_text,
    is_email,
    phone_e164,
    ssn_digits,
)
from tenants.masking.pseudonyms import (
    EMAIL_CHARACTERS_MIN,
    SHIFT_DAYS_MAX,
    Originals,
    Pseudonyms,
)
from tenants.records.indexes import normalize

KEY = bytes(range(32))
PERSON = "01HARB0R000000000000000001"
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "M", "Zs", "Pd", "Po"]), min_size=1)
LOCAL = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
EMAILS = st.builds("{}@{}.{}".format, LOCAL, LOCAL, st.sampled_from(["com", "org", "co.uk"]))
PHONES = st.from_regex(
    r"(1-)?[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}|\+[1-9][0-9]{7,12}", fullmatch=True
)
SSNS = st.from_regex(
    r"(00[1-9]|[1-8][0-9]{2})(0[1-9]|[1-9][0-9])(000[1-9]|[1-9][0-9]{3})", fullmatch=True
)
KEYS = st.binary(min_size=32, max_size=32)


def hide(key: bytes = KEY) -> Pseudonyms:
    return Pseudonyms(key)


@given(email=EMAILS, key=KEYS)
def test_an_address_of_email_is_valid_and_as_long(email: str, key: bytes) -> None:
    """Same length, at least eight characters; under a name that no mail is delivered to."""
    assume(is_email(email))
    hidden = hide(key).email(email)
    faults = Faults()
    assert clean_email(faults, "email", hidden) == hidden
    assert not faults.found
    assert len(hidden) == max(len(email), EMAIL_CHARACTERS_MIN)
    assert hidden.endswith(".test")
    assert hidden != email


@given(local=st.integers(1, 64), domain=st.integers(5, 180))
def test_an_address_of_any_length_is_valid(local: int, domain: int) -> None:
    """The longest addresses too keep their length."""
    email = f"{'a' * local}@{'b' * domain}"
    hidden = hide().email(email)
    assert (is_email(hidden), len(hidden)) == (True, max(len(email), EMAIL_CHARACTERS_MIN))


@given(first=EMAILS, second=EMAILS)
def test_addresses_are_joined_as_they_were(first: str, second: str) -> None:
    """Spellings of one address come to one stand-in, and two addresses never to the same."""
    pseudonyms = hide()
    same = normalize("email", first) == normalize("email", second)
    assert (pseudonyms.email(first) == pseudonyms.email(second)) == same
    assert pseudonyms.email(f" {first.upper()} ") == pseudonyms.email(first)


@given(phone=PHONES)
def test_a_telephone_number_is_valid_and_of_the_same_form(phone: str) -> None:
    """Digits change in their places alone; the area code or country is one never assigned."""
    hidden = hide().phone(phone)
    faults = Faults()
    clean_phone(faults, "phone", hidden)
    assert not faults.found
    assert re.sub("[0-9]", "0", hidden) == re.sub("[0-9]", "0", phone)
    number = phone_e164(hidden)
    assert number is not None
    if (phone_e164(phone) or "").startswith("+1") and len(phone_e164(phone) or "") == 12:
        assert re.fullmatch(r"\+1[2-9]9[0-9][2-9][0-9]{6}", number)
    else:
        assert number.startswith("+999")


@given(digits=st.from_regex("[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True))
def test_telephone_numbers_are_joined_as_they_were(digits: str) -> None:
    """However a number is written, its stand-in is looked up as the same number."""
    pseudonyms = hide()
    spellings = (digits, f"+1{digits}", f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", f"1-{digits}")
    hidden = {normalize("phone", pseudonyms.phone(spelling)) for spelling in spellings}
    assert len(hidden) == 1
    assert hidden != {normalize("phone", digits)}


@given(ssn=SSNS, key=KEYS)
def test_a_social_security_number_was_never_issued(ssn: str, key: bytes) -> None:
    """Nine digits of an area that no number has, and of no group that the tax office uses."""
    hidden = hide(key).ssn(ssn)
    assert ssn_digits(hidden, allow_test=True) == hidden
    assert ssn_digits(hidden, allow_test=False) is None
    taxpayer = {*range(50, 66), *range(70, 89), *range(90, 100)}
    assert int(hidden[3:5]) not in taxpayer
    dashed = f"{ssn[:3]}-{ssn[3:5]}-{ssn[5:]}"
    assert hide(key).ssn(dashed) == hidden


def test_ten_thousand_numbers_have_ten_thousand_stand_ins() -> None:
    """No two people get the same number, and nobody gets one that is somebody's here."""
    ssns = [f"900{number:06d}" for number in range(10_101, 20_101)]
    hidden = [Pseudonyms(KEY, Originals(ssns=set(ssns))).ssn(ssn) for ssn in ssns[:50]]
    assert not set(hidden) & set(ssns)
    pseudonyms = Pseudonyms(KEY, Originals(ssns=set(ssns)))
    everything = {pseudonyms.ssn(ssn) for ssn in ssns}
    assert len(everything) == len(ssns)
    assert not everything & set(ssns)


@given(name=NAMES, key=KEYS)
def test_a_name_keeps_its_shape(name: str, key: bytes) -> None:
    """Words keep their lengths, blanks and hyphens stay; no letter of another script is left."""
    hidden = hide(key).words(name, PERSON)
    assert len(hidden) == len(name)
    assert hidden.isascii()
    kept = [sign for sign in name if sign.isascii() and not sign.isalnum()]
    assert [sign for sign in hidden if not sign.isalnum()] == kept


def test_a_name_within_a_line_is_hidden_as_by_itself() -> None:
    """What an actor is shown as still is the name of the consumer who it is."""
    pseudonyms = hide()
    apart = " ".join(pseudonyms.words(part, PERSON) for part in ("Robert", "E", "Uphold"))
    assert pseudonyms.words("Robert E Uphold", PERSON) == apart


@given(word=st.text(string.ascii_letters, min_size=2, max_size=15))
def test_a_name_is_never_kept_and_differs_by_person(word: str) -> None:
    """No name stands for itself, capitals stay, and a common name shows no frequency."""
    pseudonyms = hide()
    hidden = pseudonyms.words(word, PERSON)
    assert hidden.casefold() != word.casefold()
    assert [sign.isupper() for sign in hidden] == [sign.isupper() for sign in word]
    others = {pseudonyms.words(word, new_ulid()) for _ in range(8)}
    assert len(others) > 1


def test_no_stand_in_is_another_persons_name() -> None:
    """A word that is somebody's name here is not made up for anybody."""
    free = hide().words("Smith", PERSON)
    avoiding = Pseudonyms(KEY, Originals(name_words={free.casefold()}))
    assert avoiding.words("Smith", PERSON) != free


@given(
    line=st.from_regex(r"[1-9][0-9]{0,4} [A-Z][a-z]{2,9} (St|Ave|Blvd)", fullmatch=True),
    postal_code=st.from_regex(r"[0-9]{5}(-[0-9]{4})?", fullmatch=True),
)
def test_an_address_is_valid_and_stays_in_its_region(line: str, postal_code: str) -> None:
    """The first three digits of the ZIP stay, the rest is made up and of its form."""
    hidden_line = hide().words(line, PERSON)
    hidden_code = hide().postal_code(postal_code, PERSON)
    faults = Faults()
    clean_postal_code(faults, "postalCode", hidden_code)
    clean_text(faults, "line1", hidden_line, characters_max=100)
    assert not faults.found
    assert hidden_code[:3] == postal_code[:3]
    for old, new in ((line, hidden_line), (postal_code, hidden_code)):
        assert len(new) == len(old)
        assert new != old


@given(
    first=st.dates(date(1900, 1, 1)),
    second=st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- the zone is given beside it
    key=KEYS,
)
def test_dates_move_together(first: date, second: datetime, key: bytes) -> None:
    """All dates of a person move back by the same days, so that what lay between still does.

    Moments move by the same part of a day besides.
    """
    pseudonyms = hide(key)
    days = (first - pseudonyms.shift(first, PERSON)).days
    assert 1 <= days <= SHIFT_DAYS_MAX
    moved = second - pseudonyms.shift(second, PERSON)
    assert moved.days == days
    assert moved % timedelta(days=1), "no time of the day stays as it was"
    other = datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert moved == other - pseudonyms.shift(other, PERSON)
    assert moved != second - pseudonyms.shift(second, "another person")


@given(
    amount=st.one_of(
        st.decimals("0.00", "99999999.99", places=2), st.integers(0, 10**7).map(Decimal)
    )
)
def test_an_amount_is_near_and_never_the_same(amount: Decimal) -> None:
    """Within ten percent or a unit of the last place, never below zero; nothing stays nothing."""
    hidden = hide().amount(amount, PERSON)
    assert hidden.as_tuple().exponent == amount.as_tuple().exponent
    assert 0 <= hidden <= Decimal("99999999.99")
    assert (hidden == amount) == (amount == 0)
    unit = Decimal(1).scaleb(int(amount.as_tuple().exponent))
    assert abs(hidden - amount) <= max(amount / 10 + unit, unit)


@given(score=st.integers(300, 850), key=KEYS)
def test_a_score_is_near_and_never_the_same(score: int, key: bytes) -> None:
    """Within ten percent and the range of scores."""
    hidden = hide(key).score(score, PERSON)
    assert 300 <= hidden <= 850
    assert 0 < abs(hidden - score) <= score / 10 + 1


@given(moment=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- the zone is given beside it
def test_ids_are_ids_and_move_as_their_persons_dates_do(moment: datetime) -> None:
    """An id keeps its form and root; its time is the shifted one, its random part another."""
    root, own = new_ulid(moment, randomness=1), new_ulid(moment, randomness=2)
    pseudonyms = hide()
    hidden = parse_global_id(pseudonyms.global_id(f"note_{root}_{own}", PERSON))
    assert hidden is not None
    assert (hidden.prefix, hidden.root) == ("note", pseudonyms.ulid(root, PERSON))
    assert is_ulid(hidden.id)
    assert hidden.id[10:] != own[10:]
    late = ulid_time(own) - ulid_time(hidden.id)
    assert abs(late - (moment - pseudonyms.shift(moment, PERSON))).total_seconds() < 0.01


@given(value=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), key=KEYS)
def test_the_same_key_gives_the_same_and_another_key_another(value: str, key: bytes) -> None:
    """Determined by key and value alone, whatever was hidden before."""
    assume(key != KEY)

    def all_of(pseudonyms: Pseudonyms) -> tuple[str, ...]:
        return (
            pseudonyms.email(f"{value}@mail.example"),
            pseudonyms.ssn("123456789"),
            pseudonyms.phone("+1 586 555 0100"),
            pseudonyms.words(value, PERSON),
            pseudonyms.account(value, PERSON),
            pseudonyms.subject(value),
            pseudonyms.digest("ab" * 16),
        )

    used = hide()
    used.words("other", PERSON)
    used.email("other@mail.example")
    assert all_of(used) == all_of(hide())
    assert all_of(hide(key))[-1] != all_of(hide())[-1]


@given(account=st.from_regex("[0-9A-Z]{4,16}", fullmatch=True))
def test_an_account_keeps_its_form(account: str) -> None:
    """Letters stay letters, digits digits, and the account is another one."""
    hidden = hide().account(account, PERSON)
    assert hidden != account
    assert [sign.isdigit() for sign in hidden] == [sign.isdigit() for sign in account]


@given(subject=st.uuids())
def test_a_subject_of_a_user_pool_stays_a_uuid(subject: object) -> None:
    """What a user pool calls people keeps its form."""
    hidden = hide().subject(str(subject))
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", hidden)
    assert hidden != str(subject)
