"""The edge router beside the gateway, as visitors meet it: over HTTP, with a cookie jar."""

import time

import httpx
import pytest

from tests.e2e.platform_process import NO_TLS, Running

pytestmark = pytest.mark.slow


def visitor(dev: Running) -> httpx.Client:
    return httpx.Client(base_url=dev.edge_url, verify=NO_TLS, timeout=10)


def test_visitors_are_sent_to_their_agency_and_stay(dev: Running) -> None:
    """Michigan is harbor's, Colorado summit's; the cookie holds where no state is named."""
    port = dev.environment["ALMONER_PORT"]
    with visitor(dev) as michigan, visitor(dev) as colorado:
        first = michigan.get("/apply?state=MI&utm_source=mail&ssn=219456789")
        assert first.status_code == httpx.codes.FOUND
        expected = f"http://harbor.localhost:{port}/apply?utm_source=mail&state=MI"
        assert first.headers["location"] == expected
        assert michigan.get("/").headers["location"] == f"http://harbor.localhost:{port}/?state=MI"
        other = colorado.get("/?state=CO").headers["location"]
        assert other == f"http://summit.localhost:{port}/?state=CO"


def test_a_header_about_places_is_not_believed(dev: Running) -> None:
    """Whoever sends CloudFront's header themselves is asked for their state all the same."""
    headers = {"CloudFront-Viewer-Country-Region": "MI", "X-Forwarded-For": "203.0.113.7"}
    with visitor(dev) as somebody:
        asked = somebody.get("/", headers=headers)
    assert asked.status_code == httpx.codes.OK
    assert "Which state do you live in?" in asked.text


def test_the_gateway_goes_by_credentials_whatever_the_edge_says(dev: Running) -> None:
    """Under the other agency's site a counselor's token shows their own agency, and no other."""
    host = f"summit.localhost:{dev.environment['ALMONER_PORT']}"
    token = dev.token("counselor@harbor.test")
    answer = httpx.post(
        dev.url,
        json={"query": "{ me { agency { slug } } }"},
        headers={"Host": host, "Authorization": token},
        verify=NO_TLS,
    )
    assert answer.json()["data"]["me"]["agency"]["slug"] == "harbor"


def test_weights_and_codes_take_effect_without_a_restart(dev: Running) -> None:
    """What `almoner edge route` changes, the local router goes by within a second."""
    dev.command_output(
        "edge", "route", "summit", "--partner", "e2e1", "--reason", "an end-to-end test"
    )
    deadline = time.monotonic() + 10
    with visitor(dev) as somebody:
        while (seen := somebody.get("/?partner=E2E1")).status_code != httpx.codes.FOUND:
            assert time.monotonic() < deadline, seen.text
            time.sleep(0.05)
        assert "//summit.localhost" in seen.headers["location"]
    log = dev.log.read_text()
    assert "edge_decision" in log
    assert "203.0.113.7" not in log
