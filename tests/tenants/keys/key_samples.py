"""Random keys of an agency for tests, and the same as a directory keeps them."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

from tenants.directory.port import KeyPurpose, WrappedKey
from tenants.keys.keyring import AgencyKeys, Keyring, data_key_number
from tenants.keys.keyring_file import KEY_BYTES
from tests.tenants.record_samples import AT


def random_agency_keys() -> AgencyKeys:
    """Return random keys for an agency, of which no keyring knows."""
    current = "0001-sample"
    return AgencyKeys(
        store_key=secrets.token_bytes(KEY_BYTES),
        index_key=secrets.token_bytes(KEY_BYTES),
        data_keys={current: secrets.token_bytes(KEY_BYTES)},
        current_data_key=current,
        data_key_created={current: AT},
    )


def with_new_data_key(keys: AgencyKeys) -> AgencyKeys:
    """Return the keys with a further data key as the current one; the older ones still open."""
    current = f"{data_key_number(keys.current_data_key) + 1:04}-sample"
    return replace(
        keys,
        data_keys={**keys.data_keys, current: secrets.token_bytes(KEY_BYTES)},
        current_data_key=current,
        data_key_created={**keys.data_key_created, current: AT},
    )


async def wrap_agency_keys(
    keyring: Keyring, agency_id: str, keys: AgencyKeys, *, at: datetime | None = None
) -> tuple[WrappedKey, ...]:
    """Return an agency's keys as the directory keeps them."""
    plain: list[tuple[KeyPurpose, str, bytes]] = [
        ("store", "1", keys.store_key),
        ("index", "1", keys.index_key),
        *(("data", key_id, key) for key_id, key in keys.data_keys.items()),
    ]
    return tuple(
        [
            WrappedKey(
                purpose=purpose,
                key_id=key_id,
                wrapped=await keyring.wrap(
                    key, {"agency": agency_id, "purpose": purpose, "key": key_id}
                ),
                created_at=keys.data_key_created.get(key_id, at or datetime.now(UTC)),
            )
            for purpose, key_id, key in plain
        ]
    )
