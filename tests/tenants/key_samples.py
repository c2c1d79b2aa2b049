"""Random keys of an agency for tests that need no keyring."""

import secrets
from dataclasses import replace

from tenants.keyring import AgencyKeys, data_key_number
from tenants.keyring_file import KEY_BYTES
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
