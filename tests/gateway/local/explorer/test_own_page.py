"""Nobody but the explorer's own page is given a token, whatever a browser can be made to send."""

import httpx
import jwt
import pytest

from gateway.local.explorer.own_page import OwnPage
from gateway.local.explorer.routes import TOKEN_PATH
from tests.gateway.local.explorer.conftest import ADDRESS
from tests.gateway.small_gateway import small_config

WHOM = {"user": "counselor@harbor.test"}
OWN = {"Origin": ADDRESS}
FOREIGN_HOSTS = [
    "evil.example:8000",  # a name that was led to 127.0.0.1
    "127.0.0.1.evil.example:8000",
    "evil.localhost:8000",
    "LOCALHOST:8000",
    "localhost.:8000",
    "localhost",
    "localhost:8001",
    "localhost:08000",
    "127.0.0.1:8443",
    "127.1:8000",
    "2130706433:8000",
    "[::1]:8000",
    "0.0.0.0:8000",
    "user@127.0.0.1:8000",
    "",
]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "http://127.0.0.1:8001",  # the identity provider, and whatever else is on this machine
    "http://127.0.0.1:3000",
    "http://127.0.0.1",
    "http://localhost:8000",  # the explorer by its other name is another page
    "https://127.0.0.1:8000",
    "http://127.0.0.1:8000/",
    "http://127.0.0.1:8000.evil.example",
    "HTTP://127.0.0.1:8000",
    "null",
    "",
]


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "http://localhost:8000",
        "http://harbor.localhost:8000",
        "https://localhost:8443",
    ],
)
async def test_the_page_is_given_a_token(page: httpx.AsyncClient, address: str) -> None:
    """At each address that the page is opened at, for whoever of the demo it names."""
    given = await page.post(f"{address}{TOKEN_PATH}", json=WHOM, headers={"Origin": address})

    claims = jwt.decode(given.json()["token"], options={"verify_signature": False})
    assert claims["cognito:groups"] == ["counselors"]
    assert claims["iss"] == "http://127.0.0.1:8001/us-east-1_Harbor01"
    assert given.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
async def test_no_name_led_to_this_machine_is_answered(page: httpx.AsyncClient, host: str) -> None:
    """A page whose own name was led to 127.0.0.1 gets no token, no page and no list of people."""
    answers = [
        await page.post(TOKEN_PATH, json=WHOM, headers={"Host": host, "Origin": origin})
        for origin in (ADDRESS, f"http://{host}")
    ]
    answers += [
        await page.get(path, headers={"Host": host})
        for path in ("/", "/explorer/world", "/explorer/page/explorer.js")
    ]

    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
async def test_no_other_page_is_given_a_token(page: httpx.AsyncClient, origin: str) -> None:
    """Nor one of another port, scheme or name of this machine; and none may read the refusal."""
    refused = await page.post(TOKEN_PATH, json=WHOM, headers={"Origin": origin})
    preflight = await page.options(
        TOKEN_PATH,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )

    assert refused.status_code == 403
    assert preflight.status_code == 405
    for answer in (refused, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_request_without_an_origin_is_refused(page: httpx.AsyncClient) -> None:
    """Every browser names one with a POST: without it nobody knows who asks."""
    assert (await page.post(TOKEN_PATH, json=WHOM)).status_code == 403


async def test_two_of_a_header_are_refused(page: httpx.AsyncClient) -> None:
    """Of two origins or hosts, one could be the right one."""
    for name, value in (("Origin", ADDRESS), ("Host", "127.0.0.1:8000")):
        twice = [("Origin", ADDRESS)] if name == "Host" else []
        twice += [(name, value), (name, value)]
        refused = await page.post(TOKEN_PATH, json=WHOM, headers=twice)
        assert refused.status_code in (400, 403)


async def test_tokens_are_posted_for(page: httpx.AsyncClient) -> None:
    """No link and no image can ask for a token."""
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = await page.request(method, TOKEN_PATH, headers=OWN)
        assert answer.status_code == 405


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b'{"user":"counselor@harbor.test"}', 415),
        ("application/x-www-form-urlencoded", b"user=counselor@harbor.test", 415),
        ("application/json", b"", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"user":1}', 400),
        ("application/json", b'{"user":"\xff"}', 400),
        ("application/json", b'{"user":"counselor@harbor.test","group":"admins"}', 400),
        ("application/json", b'{"user":"%s"}' % (b"a" * 1024), 413),
        ("application/json", b'{"user":"nobody@harbor.test"}', 404),
        ("application/json", b'{"user":"COUNSELOR@harbor.test"}', 404),
        ("application/json", b'{"user":"counselor@summit.test"}', 404),  # is not in this issuer
    ],
)
async def test_what_is_asked_is_judged(
    page: httpx.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    """A form, another shape, more than a name, or somebody unknown: no token, and no fault."""
    answer = await page.post(
        TOKEN_PATH, content=body, headers={**OWN, "Content-Type": content_type}
    )
    assert answer.status_code == status
    assert "token" not in answer.json()


def test_a_port_that_browsers_leave_out_is_left_out() -> None:
    """At 80 and 443 the page is known by its name alone; without TLS there is no https."""
    usual = OwnPage.of(small_config("dev", port=80, tls_port=443), ["harbor"])
    assert usual.origins == (
        "http://127.0.0.1",
        "http://localhost",
        "http://harbor.localhost",
        "https://127.0.0.1",
        "https://localhost",
        "https://harbor.localhost",
    )
    assert OwnPage.of(small_config("dev", tls_port=0), []).origins == (
        "http://127.0.0.1:8000",
        "http://localhost:8000",
    )
