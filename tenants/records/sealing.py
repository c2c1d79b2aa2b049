"""Sealing: AES-GCM under an agency's data keys, with everything that places it as associated data.

What was sealed for one record, group of fields, kind, file or agency opens nowhere else. A new data
key seals a little later than it opens, so that every process knows it before it meets it.
"""

import base64
import secrets
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.clock import utc_now
from domain.errors import StoreUnavailable
from tenants.keys.keyring import AgencyKeys, associated_data, data_key_number

KEY_SETTLE_SECONDS = 3
NONCE_BYTES = 12
PLACES_KEPT_MAX = 256
# What base64.urlsafe_b64decode does, for half of what it costs: records are opened with each read.
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SETTLING = timedelta(seconds=KEY_SETTLE_SECONDS)


class Sealer(Protocol):
    """Encrypts groups of a record's fields under the agency's data keys."""

    def seal(self, kind: str, record_id: str, group: str, plain: bytes) -> str:
        """Return the group encrypted for this record, as text that begins with the key's id."""
        ...

    def unseal(self, kind: str, record_id: str, group: str | None, sealed: str) -> bytes:
        """Return the group; None is the one group that bodies had before groups had names.

        Raises StoreUnavailable where it was not sealed for this place.
        """
        ...


class FieldSealer:
    """One agency's data keys in this process: the newest settled one seals, all of them open."""

    def __init__(
        self, agency_id: str, keys: AgencyKeys, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._agency_id = agency_id
        self._clock = clock
        self._around: dict[tuple[str, str | None, str], tuple[bytes, bytes]] = {}
        self.use_keys(keys)

    def use_keys(self, keys: AgencyKeys) -> None:
        """Take these keys in place of those there were."""
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.data_keys.items()}
        self._current, self._settles_at = self._choose(keys.data_key_created)
        self._created = keys.data_key_created

    @property
    def current_key(self) -> str:
        """Return the id of the data key that seals now."""
        if self._settles_at is not None and self._clock() >= self._settles_at:
            self._current, self._settles_at = self._choose(self._created)
        return self._current

    def settles_in(self) -> timedelta:
        """Return how long it is until the newest data key seals; nothing, where it does."""
        if self.current_key == self.newest_key:
            return timedelta()
        return self._created[self.newest_key] + _SETTLING - self._clock()

    @property
    def newest_key(self) -> str:
        """Return the id of the newest data key, whether it seals already or not."""
        return max(self._ciphers, key=_order)

    def seal(self, kind: str, record_id: str, group: str, plain: bytes) -> str:
        """Return `<key id>.<base64url>` of nonce and ciphertext, under the current data key."""
        key_id = self.current_key
        nonce = secrets.token_bytes(NONCE_BYTES)
        place = self._place(kind, record_id, group, key_id)
        raw = nonce + self._ciphers[key_id].encrypt(nonce, plain, place)
        return f"{key_id}.{base64.urlsafe_b64encode(raw).decode()}"

    def unseal(self, kind: str, record_id: str, group: str | None, sealed: str) -> bytes:
        """Return what was sealed for this place, under whichever data key it was."""
        key_id, _, text = sealed.partition(".")
        try:
            raw = a2b_base64(text.encode("ascii").translate(_FROM_URL_SAFE))
            place = self._place(kind, record_id, group, key_id)
            return self._ciphers[key_id].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)
        except (InvalidTag, KeyError, ValueError) as error:
            raise StoreUnavailable(
                "A record's sealed fields cannot be opened: they were sealed for another record "
                "or under a key that is not here."
            ) from error

    def encrypt(self, key_id: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return nonce and ciphertext, bound to the agency, the key and the context."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[key_id].encrypt(nonce, plain, self._bound(key_id, context))

    def decrypt(self, key_id: str, raw: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was encrypted so; raises InvalidTag, ValueError, or KeyError for the key."""
        cipher = self._ciphers[key_id]
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._bound(key_id, context))

    def _place(self, kind: str, record_id: str, group: str | None, key_id: str) -> bytes:
        """Return the associated data of a group, whose parts but the id are the same each time."""
        around = self._around.get((kind, group, key_id))
        if around is None:
            before = {"agency": self._agency_id} | ({} if group is None else {"group": group})
            after = {"key": key_id, "kind": kind}
            around = (associated_data(before) + _part(b"id"), associated_data(after))
            if len(self._around) < PLACES_KEPT_MAX:
                self._around[kind, group, key_id] = around
        return around[0] + _part(record_id.encode()) + around[1]

    def _bound(self, key_id: str, context: Mapping[str, str]) -> bytes:
        return associated_data({"agency": self._agency_id, "key": key_id, **context})

    def _choose(self, created: Mapping[str, datetime]) -> tuple[str, datetime | None]:
        """Return the newest key that has settled, and when the one after it will have."""
        ids = sorted(self._ciphers, key=_order, reverse=True)
        settles_at = None
        for key_id in ids:
            made = created.get(key_id)
            if key_id == ids[-1] or made is None or made + _SETTLING <= self._clock():
                return key_id, settles_at
            settles_at = made + _SETTLING
        raise StoreUnavailable("The directory does not hold a data key of this agency.")


def _part(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _order(key_id: str) -> tuple[int, str]:
    return data_key_number(key_id), key_id
