"""Which of an agency's data keys seals: the newest one, once every process knows it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.errors import StoreUnavailable
from tenants.keys.keyring import AgencyKeys
from tenants.records.sealing import KEY_SETTLE_SECONDS, FieldSealer
from tests.tenants.keys.key_samples import random_agency_keys, with_new_data_key
from tests.tenants.record_samples import AT
from tests.tenants.records.test_sealing import KEYS
from tests.tenants.stores import AGENCY_ID


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        """Return the moment it was set to."""
        return self.now


def made_at(keys: AgencyKeys, at: datetime) -> AgencyKeys:
    """Return keys whose newest one was made at that moment."""
    created = {**keys.data_key_created, keys.current_data_key: at}
    return replace(keys, data_key_created=created)


def test_a_new_key_opens_at_once_and_seals_a_little_later() -> None:
    """For three seconds the key before seals; then the new one does, without being told again."""
    clock, first = Clock(), random_agency_keys()
    sealer = FieldSealer(AGENCY_ID, first, clock)
    both = made_at(with_new_data_key(first), AT)
    ahead = Clock()
    ahead.now = AT + timedelta(minutes=1)
    early = FieldSealer(AGENCY_ID, both, ahead).seal("k", "i", "g", b"early")
    with pytest.raises(StoreUnavailable):
        sealer.unseal("k", "i", "g", early)
    sealer.use_keys(both)
    assert sealer.unseal("k", "i", "g", early) == b"early"
    assert sealer.current_key == first.current_data_key
    assert sealer.newest_key == both.current_data_key
    assert sealer.settles_in() == timedelta(seconds=KEY_SETTLE_SECONDS)
    clock.now += timedelta(seconds=KEY_SETTLE_SECONDS)
    assert sealer.current_key == both.current_data_key
    assert sealer.settles_in() == timedelta()
    assert sealer.seal("k", "i", "g", b"").startswith(f"{both.current_data_key}.")


def test_keys_that_settle_one_after_another_take_their_turn() -> None:
    """Of two keys made within a moment, each seals from its own settling on."""
    clock, first = Clock(), random_agency_keys()
    second = made_at(with_new_data_key(first), AT)
    third = made_at(with_new_data_key(second), AT + timedelta(seconds=2))
    sealer = FieldSealer(AGENCY_ID, third, clock)
    order = []
    for _ in range(7):
        order.append(int(sealer.current_key[:4]))
        clock.now += timedelta(seconds=1)
    assert order == [1, 1, 1, 2, 2, 3, 3]


def test_an_agencys_first_key_seals_at_once() -> None:
    """Where there is no older key there is nobody who could not know the first."""
    first = random_agency_keys()
    sealer = FieldSealer(AGENCY_ID, made_at(first, AT + timedelta(hours=1)), Clock())
    assert sealer.current_key == first.current_data_key


def test_the_newest_key_is_told_by_its_number() -> None:
    """Numbers are compared as such, not as text, and keys of one number by their names."""
    names = ("9998-b", "9999-a", "10000-a", "10000-b")
    keys = replace(
        random_agency_keys(),
        data_keys={name: bytes([number]) * 32 for number, name in enumerate(names)},
        data_key_created=dict.fromkeys(names, AT),
    )
    sealer, clock = FieldSealer(AGENCY_ID, keys), Clock()
    assert sealer.newest_key == sealer.current_key == "10000-b"
    early = FieldSealer(AGENCY_ID, keys, clock)
    assert (early.newest_key, early.current_key) == ("10000-b", "9998-b")


def test_it_is_told_how_long_the_newest_key_has_to_settle() -> None:
    """Counted down to nothing; an older key that settles meanwhile changes nothing of it."""
    clock, first = Clock(), random_agency_keys()
    second = made_at(with_new_data_key(first), AT)
    third = made_at(with_new_data_key(second), AT + timedelta(seconds=2))
    sealer = FieldSealer(AGENCY_ID, third, clock)
    left = []
    for _ in range(7):
        left.append(sealer.settles_in().total_seconds())
        clock.now += timedelta(seconds=1)
    assert left == [5, 4, 3, 2, 1, 0, 0]


def test_a_key_whose_making_nobody_noted_was_made_long_ago() -> None:
    """Keys from before moments were kept seal at once."""
    keys = replace(with_new_data_key(random_agency_keys()), data_key_created={})
    sealer = FieldSealer(AGENCY_ID, keys, Clock())
    assert sealer.current_key == keys.current_data_key
    assert sealer.settles_in() == timedelta()


def test_without_a_data_key_nothing_is_sealed() -> None:
    """An agency whose directory lost its data keys is told so, before anything is written."""
    with pytest.raises(StoreUnavailable, match="does not hold a data key"):
        FieldSealer(AGENCY_ID, replace(KEYS, data_keys={}))
