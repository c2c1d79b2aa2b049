"""Settings of Plaid that cannot be right are refused before anything is asked."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.plaid.local import simulator_settings
from integrations.plaid.settings import PlaidSettings

GOOD = PlaidSettings(url="https://sandbox.plaid.com", client_id="client1", secret="c4n4ry")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "http://sandbox.plaid.com"}, "url is an https address"),
        ({"url": "sandbox.plaid.com"}, "url is an https address"),
        ({"url": "https://user:pass@sandbox.plaid.com"}, "url is an https address"),
        ({"webhook_url": "http://api.example.org"}, "webhook_url is an https address"),
        ({"redirect_uri": "ftp://example.org"}, "redirect_uri is an https address"),
        ({"client_id": ""}, "client_id is letters and digits"),
        ({"client_id": "a\r\nb"}, "client_id is letters and digits"),
        ({"secret": ""}, "secret is empty"),
        ({"secret": "c4n4ry\n"}, "secret is empty"),
        ({"days_requested": 731}, "days_requested is from 1 to 730"),
        ({"pages_max": 0}, "pages_max is at least 1"),
        ({"pacing_seconds": 0.0}, "above 0"),
        ({"attempts_max": 99}, "attempts_max"),
    ],
)
def test_what_cannot_be_right_is_refused(wrong: dict[str, Any], words: str) -> None:
    """Each is named with what would do, and no secret is repeated."""
    with pytest.raises(ValueError, match=words) as raised:
        replace(GOOD, **wrong)
    assert "c4n4ry" not in str(raised.value)


def test_plain_http_is_for_this_machine() -> None:
    """The simulator is spoken to in plain, on loopback alone."""
    local = replace(GOOD, url="http://127.0.0.1:8092", webhook_url="http://localhost:8000/x")
    assert local.url.startswith("http://")


def test_the_newest_secret_is_tried_first_and_each_once() -> None:
    """Two secrets while one is changed over, one otherwise."""
    both = replace(GOOD, previous_secret="older")
    assert [one.secret for one in both.by_secrets()] == ["c4n4ry", "older"]
    assert len(replace(GOOD, previous_secret="c4n4ry").by_secrets()) == 1
    assert "c4n4ry" not in repr(both)


def test_the_simulator_s_account_is_the_published_one() -> None:
    """Client id and secret are those that whoever speaks to the simulator was told."""
    settings = simulator_settings("http://127.0.0.1:8092")
    assert (settings.client_id, settings.secret) == ("almoner", "sandbox")
