"""What is held about somebody, as it may leave."""

import re
from dataclasses import fields

import pytest

from tenants.holdings import without_secrets
from tests.tenants.record_samples import SAMPLES, a_bank_connection

_OPENS_DOORS = re.compile(r"token|cursor|secret|password")


@pytest.mark.parametrize("kind", SAMPLES)
def test_no_record_is_exported_with_what_opens_a_vendors_door(kind: str) -> None:
    """Tokens and cursors stay; everything else of the record leaves as it is."""
    record = SAMPLES[kind]
    left = without_secrets(record)
    for item in fields(record):
        if _OPENS_DOORS.search(item.name):
            assert getattr(left, item.name) is None
        elif item.name != "lease":
            assert getattr(left, item.name) == getattr(record, item.name)


def test_the_sample_has_a_token() -> None:
    """Or the test above would prove nothing."""
    assert a_bank_connection().access_token is not None
