"""The provider's HTTP: the errors' form, limits, who may call, and what browsers are told."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import StoreUnavailable
from gateway.local.identity_provider.operations import OPERATIONS
from tests.gateway.local.identity_provider.running import CLIENT, COUNSELOR, HARBOR, Running

APP = "http://localhost:5173"
PREFLIGHT = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "cache-control,content-type,x-amz-target,x-amz-user-agent",
}
TARGET = "AWSCognitoIdentityProviderService."


def post(provider: Running, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(
        provider.url,
        content=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        trust_env=False,
    )


def test_pages_of_this_machine_may_call(provider: Running) -> None:
    """A preflight allows what Amplify sends, and answers and errors can be read."""
    with httpx.Client(trust_env=False) as client:
        for path in ("/", f"/{HARBOR}", f"/{HARBOR}/"):
            answer = client.options(provider.url + path, headers=PREFLIGHT)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == APP
            assert answer.headers["access-control-allow-methods"] == "GET, POST"
            assert (
                answer.headers["access-control-allow-headers"]
                == PREFLIGHT["Access-Control-Request-Headers"]
            )
        keys = client.get(f"{provider.url}/{HARBOR}/.well-known/jwks.json", headers={"Origin": APP})
    refused = provider.call("InitiateAuth", {"Origin": APP}, ClientId=CLIENT, AuthFlow="x")
    for answer in (refused, keys):
        assert answer.headers["access-control-allow-origin"] == APP
        assert "x-amzn-ErrorType" in answer.headers["access-control-expose-headers"]


def test_pages_of_the_web_may_not(provider: Running) -> None:
    """Neither a foreign origin nor a foreign name for this machine gets anything."""
    foreign = PREFLIGHT | {"Origin": "https://evil.example"}
    answer = httpx.options(provider.url, headers=foreign, trust_env=False)
    assert not [name for name in answer.headers if name.startswith("access-control-")]

    rebound = provider.call(
        "ListUsers", {"Host": "evil.example:8001", "authorization": "AWS4-HMAC-SHA256 x"}
    )
    assert (rebound.status_code, rebound.json()["__type"]) == (400, "ForbiddenException")


@pytest.mark.parametrize(
    ("target", "body", "name"),
    [
        ("", b"{}", "UnknownOperationException"),
        ("GetUser", b"{}", "UnknownOperationException"),
        (TARGET + "DeleteUserPool", b"{}", "UnknownOperationException"),
        (TARGET + "GetUser", b"", "SerializationException"),
        (TARGET + "GetUser", b"{", "SerializationException"),
        (TARGET + "GetUser", b"\xff", "SerializationException"),
        (TARGET + "GetUser", b'{"AccessToken":"\\ud800"}', "SerializationException"),
        (TARGET + "GetUser", b'{"Other":' + b"[" * 60_000, "SerializationException"),
        (TARGET + "GetUser", b" " * 65_537, "SerializationException"),
        (TARGET + "GetUser", b"[]", "InvalidParameterException"),
        (TARGET + "GetUser", b"{}", "InvalidParameterException"),
        (TARGET + "GetUser", b'{"AccessToken":7}', "InvalidParameterException"),
        (TARGET + "GetUser", b'{"AccessToken":"a b"}', "InvalidParameterException"),
        (TARGET + "GetUser", b'{"AccessToken":""}', "InvalidParameterException"),
    ],
    ids=range(14),
)
def test_what_is_no_call_is_said_so(provider: Running, target: str, body: bytes, name: str) -> None:
    """Each with Cognito's name for it, in Cognito's form."""
    answer = post(provider, body, x_amz_target=target)

    assert (answer.status_code, answer.json()["__type"]) == (400, name)
    assert answer.headers["x-amzn-errortype"] == name
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
VALUES = st.recursive(
    PLAIN,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=9), one, max_size=3),
    max_leaves=6,
)
MEMBERS = sorted(
    {
        name.encode_name
        for operation in OPERATIONS.values()
        for name in msgspec.structs.fields(operation.asked)
    }
)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    operation=st.sampled_from(sorted(OPERATIONS)),
    asked=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6),
    known=st.booleans(),
)
def test_no_call_whatever_it_says_is_a_fault_of_the_provider(
    provider: Running, operation: str, asked: dict[str, Any], known: bool
) -> None:
    """Any JSON for any operation is an answer or a named refusal of the caller's, never a 500."""
    if known:
        asked = {"ClientId": CLIENT, "UserPoolId": HARBOR, "Username": COUNSELOR} | asked
    answer = provider.call(operation, {"authorization": "AWS4-HMAC-SHA256 x"}, **asked)

    assert answer.status_code in (200, 400)
    assert answer.status_code == 200 or answer.json()["__type"].endswith("Exception")


@pytest.fixture
def broken(provider: Running) -> Running:
    provider.issuer.close()
    return provider


def test_a_file_that_cannot_be_used_is_the_providers_fault(broken: Running) -> None:
    """Clients are told to repeat, by a 500, and not that their password is wrong."""
    with pytest.raises(StoreUnavailable):
        broken.issuer.users()
    answer = broken.call("GetUser", AccessToken="x.y.z")
    assert (answer.status_code, answer.json()["__type"]) == (500, "InternalErrorException")
    assert answer.headers["x-amzn-errortype"] == "InternalErrorException"


def test_what_cannot_be_read_is_not_repeated_in_the_answer(provider: Running) -> None:
    """An error names the member, and shows nothing of its value."""
    secret = "Very-Secret-" + "x" * 300
    answer = provider.call("SignUp", ClientId=CLIENT, Username="a@b.test", Password=secret)

    assert "Password" in answer.json()["message"]
    assert "Very-Secret" not in answer.text
    assert json.loads(answer.text)["__type"] == "InvalidParameterException"
