"""Web addresses, judged by their spelling."""

import pytest

from domain.addresses import is_issuer_address, is_loopback, is_web_address


@pytest.mark.parametrize(
    ("url", "web", "issuer"),
    [
        ("https://idp.example/pool", True, True),
        ("https://idp.example:8443/pool", True, True),
        ("http://127.0.0.1:8001/pool", True, True),
        ("http://[::1]:8001/pool", True, True),
        ("http://localhost:8001/pool", True, True),
        ("http://idp.example/pool", True, False),
        ("http://127.0.0.1.example/pool", True, False),
        ("https://idp.example/pool?x=1", True, False),
        ("https://idp.example/pool#x", True, False),
        ("https://user:secret@idp.example/", False, False),
        ("https://idp.example:port/", False, False),
        ("https://[::1/", False, False),
        ("https://idp.example/a b", False, False),
        ("https://idp.example/\n", False, False),
        ("https://ídp.example/", False, False),
        ("https:///pool", False, False),
        ("ftp://idp.example/", False, False),
        ("javascript:alert(1)", False, False),
        ("idp.example", False, False),
        ("", False, False),
    ],
)
def test_an_address_is_told_by_its_spelling(url: str, *, web: bool, issuer: bool) -> None:
    """A website is http(s) with a host; an issuer is https, or http on this machine."""
    assert is_web_address(url) is web
    assert is_issuer_address(url) is issuer


def test_what_is_no_url_is_not_on_this_machine() -> None:
    """A host or port that cannot be read is no fault of the question."""
    assert not is_loopback("http://[::1")
    assert not is_loopback("http://localhost:x")
