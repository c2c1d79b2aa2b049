"""Sealing: what was sealed for one place opens nowhere else; new keys seal when all know them."""

import base64
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.applications import Application, Debt
from domain.errors import StoreUnavailable
from tenants.keys.keyring import associated_data
from tenants.records.codec import IN_THE_OPEN, Codec, decode, encode, sealed_under
from tenants.records.kinds import KINDS, KindSpec
from tenants.records.sealing import PLACES_KEPT_MAX, FieldSealer
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import SAMPLES, a_debt, an_application, any_of
from tests.tenants.records.test_codec import stored
from tests.tenants.stores import AGENCY_ID

KEYS = with_new_data_key(random_agency_keys())
SEALER = FieldSealer(AGENCY_ID, KEYS)
SEALED_KINDS = [spec for spec in KINDS if spec.sealed]
HIDDEN = {
    "consumer": (b"Robert", b"Uphold", b"666484418", b"Perry", b"1961-", b"(586)", b"xample"),
    "application": (b"Reduced", b"temporary", b'"Acme"', b'"Rent"', b'"1234"', b"As agreed"),
    "note": (b"Called",),
    "consent": (b"Cora", b"203.0"),
    "credit_report": (b"FIRST BANK", b"VANTAGE4", b":612", b'"ACME"', b"DISPUTE", b'"1250"'),
    "access_grant": (b"Claimed",),
}


@dataclass(frozen=True, slots=True)
class Place:
    """All that a sealed group is bound to."""

    agency: str
    kind: str
    id: str
    group: str
    key: str


texts = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=12)
places = st.builds(
    Place,
    agency=texts,
    kind=texts,
    id=texts,
    group=texts,
    key=st.sampled_from(sorted(KEYS.data_keys)),
)


def groups_of(record: Any) -> dict[str, str]:
    document: Any = msgspec.json.decode(encode(record, SEALER))
    sealed: dict[str, str] = document.get("sealed", {})
    return sealed


@settings(max_examples=300, deadline=None)
@given(here=places, there=places, plain=st.binary(max_size=64))
def test_a_sealed_group_opens_in_its_own_place_alone(
    here: Place, there: Place, plain: bytes
) -> None:
    """Moved to any other agency, kind, record, group or key a ciphertext is refused."""
    only = {here.key: KEYS.data_keys[here.key]}
    sealed = FieldSealer(here.agency, replace(KEYS, data_keys=only)).seal(
        here.kind, here.id, here.group, plain
    )
    moved = f"{there.key}.{sealed.partition('.')[2]}"
    opener = FieldSealer(there.agency, KEYS)
    if here == there:
        assert opener.unseal(there.kind, there.id, there.group, moved) == plain
    else:
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            opener.unseal(there.kind, there.id, there.group, moved)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        opener.unseal(there.kind, there.id, None, moved)


@pytest.mark.parametrize("spec", SEALED_KINDS, ids=lambda spec: spec.kind)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_groups_cannot_be_exchanged(spec: KindSpec[Any], data: st.DataObject) -> None:
    """A group put into another record, or into another group's place, makes the record unread."""
    record, other = data.draw(any_of(spec.record)), data.draw(any_of(spec.record))
    own, foreign = groups_of(record), groups_of(replace(other, id=f"{record.id}x"))
    document = msgspec.json.decode(encode(record, SEALER))
    for group in own:
        for text in {*foreign.values(), *own.values()} - {own[group]}:
            body = msgspec.json.encode({**document, "sealed": {**own, group: text}})
            with pytest.raises(StoreUnavailable):
                decode(spec.kind, body, SEALER)


@settings(max_examples=60, deadline=None)
@given(debts=st.lists(any_of(Debt), max_size=4).map(tuple), data=st.data())
def test_lines_get_their_own_values_back(debts: tuple[Debt, ...], data: st.DataObject) -> None:
    """What is sealed of lines comes back line by line; beside other lines it is refused."""
    record = an_application(debts=debts)
    body = encode(record, SEALER)
    assert decode("application", body, SEALER) == record
    if not any(debt.account_last4 is not None for debt in debts):
        assert b'"accounts"' not in body
        return
    document = msgspec.json.decode(body)
    document["debts"].append(document["debts"][0])
    with pytest.raises(StoreUnavailable, match="lines"):
        decode("application", msgspec.json.encode(document), SEALER)


@pytest.mark.parametrize("spec", SEALED_KINDS, ids=lambda spec: spec.kind)
def test_what_is_sealed_lies_open_nowhere(spec: KindSpec[Any]) -> None:
    """No personal value is in a sealed body, and each of the kind's groups is."""
    body = encode(SAMPLES[spec.kind], SEALER)
    for text in HIDDEN.get(spec.kind, ()):
        assert text not in body
        assert text in encode(SAMPLES[spec.kind])
    assert set(groups_of(SAMPLES[spec.kind])) == set(spec.sealed)


def test_a_group_that_is_all_empty_is_left_out() -> None:
    """A record without any personal value has nothing sealed in it."""
    empty: dict[str, Any] = dict.fromkeys(("hardship_reason", "status_reason"))
    record = an_application(
        **empty, incomes=(), expenses=(), debts=(replace(a_debt(1), account_last4=None),)
    )
    body = encode(record, SEALER)
    assert b"sealed" not in body
    assert decode("application", body, SEALER) == record
    assert sealed_under("application", body) == frozenset()


def test_a_body_says_what_it_lies_under() -> None:
    """The keys of a body's groups can be told without them; older open bodies are told apart."""
    older = FieldSealer(AGENCY_ID, replace(KEYS, data_keys=dict([*KEYS.data_keys.items()][:1])))
    for kind, record in SAMPLES.items():
        if kind in {spec.kind for spec in SEALED_KINDS}:
            assert sealed_under(kind, encode(record, older)) == {older.current_key}
            assert sealed_under(kind, encode(record, SEALER)) == {KEYS.current_data_key}
    open_body = encode(SAMPLES["note"]).replace(b'"schema":2', b'"schema":1')
    assert sealed_under("note", open_body) == {IN_THE_OPEN}
    one_group = b'{"schema":1,"id":"con_1","sealed":"0001-x.abc"}'
    assert sealed_under("consumer", one_group) == {"0001-x"}
    plain = Codec([KindSpec(record=Application, kind="application", prefix="app")])
    assert plain.sealed_under("application", encode(SAMPLES["application"])) == frozenset()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _placed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the document with a value in the open where an attribute would lie unsealed."""
    lines, _, attribute = path.rpartition(".")
    if not lines:
        return {**document, _camel(path): value}
    first, *rest = document[lines]
    return {**document, lines: [{**first, _camel(attribute): value}, *rest]}


OPENED = [
    (spec, group, path)
    for spec in SEALED_KINDS
    for group, paths in spec.sealed.items()
    for path in paths
]


@pytest.mark.parametrize(("spec", "group", "path"), OPENED, ids=lambda part: str(part)[:24])
def test_a_value_in_the_open_takes_no_sealed_ones_place(
    spec: KindSpec[Any], group: str, path: str
) -> None:
    """A sealed attribute that lies open is refused, beside its group or in its place; null is not.

    However it is spelled: JSON escapes in a name change nothing.
    """
    record = SAMPLES[spec.kind]
    sealed: dict[str, Any] = msgspec.json.decode(encode(record, SEALER))
    plain: dict[str, Any] = msgspec.json.decode(encode(record))
    lines, _, attribute = path.rpartition(".")
    value = plain[lines][0][_camel(attribute)] if lines else plain[_camel(path)]
    groups = sealed.pop("sealed")
    others = {name: text for name, text in groups.items() if name != group}
    name = _camel(attribute or path)
    forged = [_placed(sealed, path, value)]
    if lines:
        forged.append({**sealed, f"{lines}.{name}": [value for _ in plain[lines]]})
    for document in forged:
        for left in (groups, others, {}):
            body = msgspec.json.encode({**document, "sealed": left} if left else document)
            escaped = body.replace(
                f'{name}"'.encode(), f'{name[:-1]}\\u{ord(name[-1]):04x}"'.encode()
            )
            assert escaped != body
            for one in (body, escaped):
                with pytest.raises(StoreUnavailable, match="in the open what is always sealed"):
                    decode(spec.kind, one, SEALER)
    nothing = msgspec.json.encode({**_placed(sealed, path, None), "sealed": groups})
    assert decode(spec.kind, nothing, SEALER) == record


@pytest.mark.parametrize("spec", SEALED_KINDS, ids=lambda spec: spec.kind)
def test_older_bodies_are_believed_as_they_were_written(spec: KindSpec[Any]) -> None:
    """A number whose bodies lay open is read so; of a kind that was always sealed none is."""
    body = stored(f"{spec.kind}.1")
    if spec.sealed_since > 1:
        assert decode(spec.kind, body, SEALER).id == SAMPLES[spec.kind].id
    else:
        with pytest.raises(StoreUnavailable, match="in the open what is always sealed"):
            decode(spec.kind, body, SEALER)


def test_a_newer_schema_number_is_named_whatever_lies_open() -> None:
    """A body of a later release is told as such: what it seals is that release's to say."""
    body = encode(SAMPLES["consumer"]).replace(b'"schema":2', b'"schema":3', 1)
    with pytest.raises(StoreUnavailable, match="newer version"):
        decode("consumer", body, SEALER)


CONTEXT = {"blob": "app_1/1", "chunk": "0"}
OLDER, NEWEST = sorted(KEYS.data_keys)


def test_a_file_s_chunk_opens_in_its_own_place_alone() -> None:
    """Encrypted for a key and a context, it opens for these, in this agency, and nowhere else."""
    raw = SEALER.encrypt(OLDER, b"plain", CONTEXT)
    assert b"plain" not in raw
    assert raw != SEALER.encrypt(OLDER, b"plain", CONTEXT)
    assert SEALER.decrypt(OLDER, raw, dict(reversed(CONTEXT.items()))) == b"plain"
    elsewhere = FieldSealer("another agency", KEYS)
    same_key = replace(KEYS, data_keys={OLDER: KEYS.data_keys[OLDER], NEWEST: b"k" * 32})
    renamed = replace(KEYS, data_keys={NEWEST: KEYS.data_keys[OLDER]})
    for opener, key_id, context, damaged in (
        (elsewhere, OLDER, CONTEXT, raw),
        (SEALER, NEWEST, CONTEXT, raw),
        (FieldSealer(AGENCY_ID, renamed), NEWEST, CONTEXT, raw),
        (SEALER, OLDER, {**CONTEXT, "chunk": "1"}, raw),
        (SEALER, OLDER, {"blob": "app_1/1"}, raw),
        (SEALER, OLDER, {}, raw),
        (SEALER, OLDER, CONTEXT, raw[:-1]),
        (SEALER, OLDER, CONTEXT, raw + b"x"),
        (SEALER, OLDER, CONTEXT, raw[:-1] + bytes([raw[-1] ^ 1])),
    ):
        with pytest.raises(InvalidTag):
            opener.decrypt(key_id, damaged, context)
    assert FieldSealer(AGENCY_ID, same_key).decrypt(OLDER, raw, CONTEXT) == b"plain"
    with pytest.raises(ValueError, match="Nonce"):
        SEALER.decrypt(OLDER, b"", CONTEXT)
    for use in (SEALER.decrypt, SEALER.encrypt):
        with pytest.raises(KeyError):
            use("0009-gone", raw, CONTEXT)


def test_files_are_encrypted_as_they_always_were() -> None:
    """Nonce, ciphertext and tag, with agency, key and context as associated data: never changed."""
    raw = SEALER.encrypt(OLDER, b"plain", CONTEXT)
    bound = associated_data({"agency": AGENCY_ID, "key": OLDER, **CONTEXT})
    assert AESGCM(KEYS.data_keys[OLDER]).decrypt(raw[:12], raw[12:], bound) == b"plain"
    assert len(raw) == 12 + len(b"plain") + 16


def test_a_group_is_sealed_as_it_always_was() -> None:
    """The key's id, a point, and nonce, ciphertext and tag in base64url; bound to all of its place.

    What is bound is one text of all parts, though most of it is put together ahead.
    """
    for group in ("name", "zip"):
        sealed = SEALER.seal("consumer", "con_1", group, b"plain")
        key_id, _, text = sealed.partition(".")
        raw = base64.urlsafe_b64decode(text)
        place = {"agency": AGENCY_ID, "kind": "consumer", "id": "con_1", "group": group}
        bound = associated_data(place | {"key": key_id})
        assert AESGCM(KEYS.data_keys[key_id]).decrypt(raw[:12], raw[12:], bound) == b"plain"
        assert len(raw) == 12 + len(b"plain") + 16


def test_few_places_are_remembered_and_any_can_be_sealed_for() -> None:
    """Names of kinds and groups are few; whatever else is asked for costs no memory."""
    sealer = FieldSealer(AGENCY_ID, KEYS)
    for number in range(PLACES_KEPT_MAX + 50):
        sealed = sealer.seal(f"kind{number}", "id", "group", b"plain")
        for _ in range(2):
            assert sealer.unseal(f"kind{number}", "id", "group", sealed) == b"plain"
        with pytest.raises(StoreUnavailable):
            sealer.unseal(f"kind{number}", "id", None, sealed)
    assert len(sealer._around) == PLACES_KEPT_MAX


def test_what_replaces_a_group_is_told_without_its_cause_being_lost() -> None:
    """The one answer to all that does not open keeps what was wrong, for the log."""
    sealed = SEALER.seal("consumer", "con_1", "name", b"plain")
    for text, cause in (
        (f"0009-gone.{sealed.partition('.')[2]}", KeyError),
        (f"{NEWEST}.AAAA", ValueError),
        (f"{sealed[:-4]}AAAA" if sealed[-4:] != "AAAA" else f"{sealed[:-4]}BBBB", InvalidTag),
    ):
        with pytest.raises(StoreUnavailable) as refusal:
            SEALER.unseal("consumer", "con_1", "name", text)
        assert isinstance(refusal.value.__cause__, cause)
        assert refusal.value.message == (
            "A record's sealed fields cannot be opened: they were sealed for another record or "
            "under a key that is not here."
        )
