"""Settings: what is refused, and that secrets do not show."""

from dataclasses import replace
from typing import Any

import pytest

from domain.credit import PullKind
from integrations.transunion.adapter import open_transunion
from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.settings import TransUnionSettings


def test_secrets_do_not_show(settings: TransUnionSettings) -> None:
    """No representation of the settings holds a password or a passphrase."""
    secret = replace(
        settings, system_password="hidden-1", password="hidden-2", key_passphrase="hidden-3"
    )
    assert "hidden" not in repr(secret)
    assert "hidden" not in str(secret)


def test_the_member_code_is_the_kind(settings: TransUnionSettings) -> None:
    """A hard pull uses the hard subscription and a soft one the soft."""
    assert settings.member_code(PullKind.SOFT) == "F1000001"
    assert settings.member_code(PullKind.HARD) == "F1000002"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"url": "http://vendor.test"}, "https"),
        ({"url": "https://user:secret@vendor.test"}, "https"),
        ({"url": "vendor.test"}, "https"),
        ({"processing_environment": "test"}, "processing_environment"),
        ({"member_code_soft": ""}, "member_code_soft"),
        ({"member_code_hard": "<x>"}, "member_code_hard"),
        ({"inquiry_prefix": "06 22"}, "inquiry_prefix"),
        ({"password": ""}, "password"),
        ({"system_password": ""}, "system_password"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"attempts_max": 6}, "attempts_max"),
        ({"concurrency_max": 0}, "concurrency_max"),
        ({"answer_bytes_max": 0}, "limits"),
    ],
)
def test_what_cannot_be_right_is_refused(
    settings: TransUnionSettings, change: dict[str, Any], complaint: str
) -> None:
    """A setting that cannot work is named at once, without a secret's value."""
    with pytest.raises(ValueError, match=complaint) as caught:
        replace(settings, **change)
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_used_are_named(
    settings: TransUnionSettings, certificates: CertificateFiles
) -> None:
    """A missing, mixed up or unreadable certificate file is named when the adapter is opened."""
    missing = certificates.client_key.with_name("gone.key")
    with pytest.raises(ValueError, match=r"agency_1.*gone\.key"):
        open_transunion("agency_1", replace(settings, key_file=missing))
    with pytest.raises(ValueError, match="no certificate with its key"):
        open_transunion("agency_1", replace(settings, key_file=certificates.server_key))
    with pytest.raises(ValueError, match="holds no certificates"):
        open_transunion("agency_1", replace(settings, ca_file=certificates.client_key))
