"""The keyring and the three kinds of key: what wraps opens again, for the same agency alone."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import StoreUnavailable
from tenants.directory.port import KeyPurpose, WrappedKey
from tenants.keys.keyring import (
    LocalKeyring,
    associated_data,
    derive_key,
    new_agency_keys,
    new_data_key,
    unwrap_agency_keys,
)
from tenants.keys.keyring_file import is_locked, replace_key
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key, wrap_agency_keys
from tests.tenants.record_samples import AT
from tests.tenants.stores import AGENCY_ID

KEY = bytes(range(32))
KEYRING = LocalKeyring(KEY)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keyring.json"


def test_a_new_keyring_is_the_owner_s_alone(path: Path) -> None:
    """A keyring is made once, with mode 0600 in a directory of mode 0700, and read again."""
    made = LocalKeyring.from_file(path, create=True)
    assert LocalKeyring.from_file(path, create=True).export_key() == made.export_key()
    assert LocalKeyring.from_file(path, create=False).export_key() == made.export_key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["keyring.json"]
    assert set(json.loads(path.read_text())) == {"version", "key"}


def test_two_keyrings_differ(tmp_path: Path) -> None:
    """Each new keyring has a key of its own."""
    keys = {
        LocalKeyring.from_file(tmp_path / name, create=True).export_key() for name in ("a", "b")
    }
    assert len(keys) == 2


def test_a_missing_keyring_is_said_and_not_made(path: Path) -> None:
    """Without `create` a missing file is refused, and none is made."""
    with pytest.raises(StoreUnavailable, match="no keyring"):
        LocalKeyring.from_file(path, create=False)
    assert not is_locked(path)
    assert not path.parent.exists()


def test_makers_at_once_end_with_one_key(path: Path) -> None:
    """Of several that make the keyring at the same time, all use the one that was there first."""
    with ThreadPoolExecutor(8) as threads:
        made = threads.map(lambda _: LocalKeyring.from_file(path, create=True), range(16))
        assert len({keyring.export_key() for keyring in made}) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o777])
def test_a_keyring_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    """A file that group or world can read or write is refused, and the way to mend it is said."""
    LocalKeyring.from_file(path, create=True)
    path.chmod(mode)
    with pytest.raises(StoreUnavailable, match="chmod 600"):
        LocalKeyring.from_file(path, create=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"version":1}',
        b'{"version":1,"key":"AAAA"}',
        b'{"version":1,"key":"***"}',
        b'{"version":1,"key":5}',
        b'{"version":1,"key":"' + b"A" * 5000,
        b'{"version":1,"key":"%s*"}' % base64.b64encode(KEY),
        b'{"filling":"%s","version":1,"key":"%s"}' % (b"A" * 4096, base64.b64encode(KEY)),
        b"\xff\x00",
    ],
)
def test_a_file_that_is_no_keyring_is_said(path: Path, content: bytes) -> None:
    """A foreign file, or one that was cut off, is refused and never replaced."""
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    for create in (False, True):
        with pytest.raises(StoreUnavailable, match="not a keyring") as refusal:
            LocalKeyring.from_file(path, create=create)
        assert str(path) in refusal.value.message
    assert path.read_bytes() == content
    assert not is_locked(path)


def test_a_newer_keyring_is_said(path: Path) -> None:
    """A file of another version is refused as such."""
    path.parent.mkdir()
    path.write_text('{"version":3,"key":"x"}')
    path.chmod(0o600)
    with pytest.raises(StoreUnavailable, match="version"):
        LocalKeyring.from_file(path, create=False)


def test_a_directory_in_the_way_is_said(path: Path) -> None:
    """Something that is no file is refused with the reason."""
    path.mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        LocalKeyring.from_file(path, create=False)


def test_saving_never_replaces(path: Path) -> None:
    """A keyring that is there stays as it is, whoever saves another to its place."""
    first = LocalKeyring.from_file(path, create=True)
    KEYRING.save(path)
    assert LocalKeyring.from_file(path, create=False).export_key() == first.export_key()


def test_a_passphrase_locks_the_file(path: Path) -> None:
    """With a passphrase the file shows no key, and opens with that passphrase alone."""
    made = LocalKeyring.from_file(path, create=True, passphrase=PASSPHRASE)
    assert LocalKeyring.from_file(path, create=True, passphrase=PASSPHRASE).derive(
        "directory"
    ) == made.derive("directory")
    content = path.read_bytes()
    assert made.export_key() not in content
    assert base64.b64encode(made.export_key()) not in content
    assert set(json.loads(content)) == {"version", "scrypt_n", "salt", "sealed"}
    assert json.loads(content)["scrypt_n"] >= 2**17
    assert len(base64.b64decode(json.loads(content)["salt"])) == 16
    assert len(base64.b64decode(json.loads(content)["sealed"])) == 12 + 32 + 16
    assert is_locked(path)
    with pytest.raises(StoreUnavailable, match="does not open") as refusal:
        LocalKeyring.from_file(path, create=False, passphrase=PASSPHRASE.upper())
    assert str(path) in refusal.value.message
    with pytest.raises(StoreUnavailable, match="ALMONER_KEYRING_PASSPHRASE_FILE"):
        LocalKeyring.from_file(path, create=True)
    assert path.read_bytes() == content


def test_a_file_without_a_passphrase_opens_as_ever(path: Path) -> None:
    """What was written before there were passphrases is read, also where one is given."""
    path.parent.mkdir()
    path.write_text(json.dumps({"version": 1, "key": base64.b64encode(bytes(range(32))).decode()}))
    path.chmod(0o600)
    for passphrase in (None, PASSPHRASE):
        opened = LocalKeyring.from_file(path, create=False, passphrase=passphrase)
        assert opened.export_key() == KEYRING.export_key()
    assert not is_locked(path)


@pytest.mark.usefixtures("cheap_passphrases")
def test_a_passphrase_is_set_changed_and_removed_in_place(path: Path) -> None:
    """The key stays the same under each passphrase, for its owner alone, with nothing left over."""
    key = LocalKeyring.from_file(path, create=True).export_key()
    for passphrase in (PASSPHRASE, "another passphrase", None):
        replace_key(path, key, passphrase)
        opened = LocalKeyring.from_file(path, create=False, passphrase=passphrase)
        assert opened.export_key() == key
        assert is_locked(path) is (passphrase is not None)
        assert (base64.b64encode(key) in path.read_bytes()) is (passphrase is None)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("cheap_passphrases")
@pytest.mark.parametrize(
    "change",
    [
        {"scrypt_n": 2**30},
        {"scrypt_n": 3},
        {"scrypt_n": "many"},
        {"salt": "*"},
        {"salt": None},
        {"sealed": 5},
    ],
)
def test_a_locked_file_cannot_ask_for_more_than_it_should(
    path: Path, change: dict[str, object]
) -> None:
    """A foreign file with a passphrase is refused before it costs memory or time."""
    LocalKeyring.from_file(path, create=True, passphrase=PASSPHRASE)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StoreUnavailable, match="not a keyring"):
        LocalKeyring.from_file(path, create=False, passphrase=PASSPHRASE)


async def test_what_was_wrapped_once_opens_for_ever() -> None:
    """The context and the form of a wrapped key are kept in files: they never change."""
    wrapped = [
        WrappedKey(purpose=purpose, key_id=key_id, wrapped=bytes.fromhex(text), created_at=AT)
        for purpose, key_id, text in WRAPPED_ONCE
    ]
    keys = await unwrap_agency_keys(LocalKeyring(KEY), "01HARB0R", wrapped)
    assert (keys.store_key, keys.index_key) == (b"s" * 32, b"i" * 32)
    assert keys.data_keys == {"0001-FIRST": b"d" * 32}


async def test_what_is_wrapped_opens_in_its_context_alone() -> None:
    """A wrapped key opens under the same keyring and context, and under no other."""
    context = {"agency": "a", "purpose": "store", "key": "1"}
    wrapped = await KEYRING.wrap(b"secret", context)
    assert await KEYRING.unwrap(wrapped, dict(reversed(context.items()))) == b"secret"
    assert b"secret" not in wrapped
    assert wrapped != await KEYRING.wrap(b"secret", context)
    for other in (
        {**context, "agency": "b"},
        {**context, "purpose": "index"},
        {**context, "key": "2"},
        {**context, "more": ""},
        {"agency": "a", "purpose": "store"},
        {},
    ):
        with pytest.raises(StoreUnavailable, match="cannot be unwrapped"):
            await KEYRING.unwrap(wrapped, other)
    for damaged in (b"", b"\x01", wrapped[:-1], b"\x02" + wrapped[1:], wrapped + b"x"):
        with pytest.raises(StoreUnavailable, match="cannot be unwrapped"):
            await KEYRING.unwrap(damaged, context)
    with pytest.raises(StoreUnavailable, match="another keyring"):
        await LocalKeyring(bytes(32)).unwrap(wrapped, context)


def test_contexts_cannot_be_shifted() -> None:
    """No two contexts come to the same associated data."""
    contexts = [{"a": "bc"}, {"ab": "c"}, {"a": "b", "c": ""}, {"a": "", "bc": ""}, {}]
    assert len({associated_data(context) for context in contexts}) == len(contexts)


def test_derived_keys_are_stable_and_apart() -> None:
    """A purpose always has the same key, and each its own; the keyring's key is none of them."""
    keys = {KEYRING.derive(purpose) for purpose in ("directory", "issuer", "wrap", "")}
    assert len(keys) == 4
    assert KEYRING.derive("directory") == LocalKeyring(bytes(range(32))).derive("directory")
    assert KEYRING.export_key() not in keys
    assert all(len(key) == 32 for key in keys)
    # Files that exist are encrypted under these: the derivation never changes.
    assert KEYRING.derive("directory").hex().startswith(DIRECTORY_KEY_BEGINS)
    assert derive_key(bytes(32), "a") != derive_key(bytes(32), "b")


DIRECTORY_KEY_BEGINS = "d1accf92d8f37757"
WRAPPED_ONCE: tuple[tuple[KeyPurpose, str, str], ...] = (
    (
        "store",
        "1",
        "01741f233618d3cdb00dde77cb5ba5c633057cc166495612fd171d4209d0808e"
        "596489193c2fb8a4f20c21eb1882fc8947a63bbb1706ea54be6192d667",
    ),
    (
        "index",
        "1",
        "01579d50ce17f36707e9a3c841fde931d5643e05cc8d6fec74f3854e6cac4ff7"
        "81a015f91321de7a5cde45b0974530a274d75ebdbdcdb1937669a27612",
    ),
    (
        "data",
        "0001-FIRST",
        "01cb252d7700a4229bbd84c75456200aeebf17c8e11cfc5a27a6235d61fd87b6"
        "4c79b4a01601ed45a5f56295904609c3057cb24720cb40ed066a7dc0ee",
    ),
)


def test_an_agency_s_keys_are_random_and_not_shown() -> None:
    """Each agency has keys of its own, and printing them shows none."""
    one, two = random_agency_keys(), random_agency_keys()
    keys = {one.store_key, one.index_key, *one.data_keys.values()}
    assert len(keys) == 3
    assert keys.isdisjoint({two.store_key, two.index_key, *two.data_keys.values()})
    assert not any(repr(key) in repr(one) or key.hex() in repr(one) for key in keys)


async def test_an_agency_s_keys_come_back() -> None:
    """What the directory keeps unwraps to the same keys; the newest data key is the current one."""
    keys = with_new_data_key(random_agency_keys())
    wrapped = await wrap_agency_keys(KEYRING, AGENCY_ID, keys, at=AT)
    assert sorted(key.purpose for key in wrapped) == ["data", "data", "index", "store"]
    assert {key.created_at for key in wrapped} == {AT}
    assert await unwrap_agency_keys(KEYRING, AGENCY_ID, wrapped) == keys
    assert await unwrap_agency_keys(KEYRING, AGENCY_ID, wrapped[::-1]) == keys


async def test_a_new_agency_s_keys_are_wrapped_as_they_are_made() -> None:
    """What is returned plain is what the wrapped ones unwrap to, each with its time."""
    keys, wrapped = await new_agency_keys(KEYRING, AGENCY_ID, AT)
    assert await unwrap_agency_keys(KEYRING, AGENCY_ID, wrapped) == keys
    assert keys.data_key_created == {keys.current_data_key: AT}
    assert [key.purpose for key in wrapped] == ["store", "index", "data"]
    assert [key.key_id for key in wrapped] == ["1", "1", keys.current_data_key]
    assert keys.current_data_key.startswith("0001-")
    plain = (keys.store_key, keys.index_key, *keys.data_keys.values())
    assert {len(key) for key in plain} == {32}
    others, _ = await new_agency_keys(KEYRING, AGENCY_ID, AT)
    assert {keys.store_key, keys.index_key}.isdisjoint({others.store_key, others.index_key})


async def test_a_new_data_key_is_the_current_one() -> None:
    """A further data key is the newest by its number, and the older ones are unwrapped as well."""
    keys, wrapped = await new_agency_keys(KEYRING, AGENCY_ID, AT)
    held = list(wrapped)
    later = AT + timedelta(days=90)
    for _ in range(10):
        held.append(await new_data_key(KEYRING, AGENCY_ID, held[::-1], later))
    rotated = await unwrap_agency_keys(KEYRING, AGENCY_ID, held)
    assert rotated.current_data_key == held[-1].key_id
    assert rotated.current_data_key.startswith("0011-")
    assert rotated.data_key_created[rotated.current_data_key] == later
    assert rotated.data_key_created[keys.current_data_key] == AT
    assert rotated.data_keys.items() >= keys.data_keys.items()
    assert len(set(rotated.data_keys.values())) == 11
    assert (await new_data_key(KEYRING, AGENCY_ID, wrapped[:2], later)).key_id.startswith("0001-")


async def test_the_current_data_key_is_the_newest_by_its_number() -> None:
    """Beyond 9999 too, where the text of a greater number comes before that of a smaller one."""
    named = {"9999-a": b"a" * 32, "10000-a": b"b" * 32}
    keys = replace(random_agency_keys(), data_keys=named, current_data_key="10000-a")
    wrapped = await wrap_agency_keys(KEYRING, AGENCY_ID, keys, at=AT)
    assert (await unwrap_agency_keys(KEYRING, AGENCY_ID, wrapped)).current_data_key == "10000-a"
    assert (await new_data_key(KEYRING, AGENCY_ID, wrapped, AT)).key_id.startswith("10001-")


async def test_another_agency_s_keys_do_not_unwrap() -> None:
    """Wrapped keys moved to another agency, purpose or id are refused."""
    wrapped = await wrap_agency_keys(KEYRING, AGENCY_ID, random_agency_keys())
    with pytest.raises(StoreUnavailable, match="another agency"):
        await unwrap_agency_keys(KEYRING, "other", wrapped)
    store, *rest = wrapped
    for moved in (replace(store, purpose="data"), replace(store, key_id="2")):
        with pytest.raises(StoreUnavailable, match="cannot be unwrapped"):
            await unwrap_agency_keys(KEYRING, AGENCY_ID, [moved, *rest])


async def test_a_missing_key_is_said() -> None:
    """Where one of the three kinds is missing the agency cannot be opened."""
    wrapped = await wrap_agency_keys(KEYRING, AGENCY_ID, random_agency_keys())
    for purpose in ("store", "index", "data"):
        rest = [key for key in wrapped if key.purpose != purpose]
        with pytest.raises(
            StoreUnavailable, match=r"^The directory does not hold all of this agency's keys\.$"
        ):
            await unwrap_agency_keys(KEYRING, AGENCY_ID, rest)


def test_keys_of_another_length_are_mistakes() -> None:
    """A keyring's key has 32 bytes."""
    for length in (0, 5, 16, 31, 33, 64):
        with pytest.raises(ValueError, match=r"^a keyring's key has 32 bytes$"):
            LocalKeyring(bytes(length))
    assert LocalKeyring(KEY).export_key() == KEY
