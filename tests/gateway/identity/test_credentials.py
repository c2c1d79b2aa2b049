"""Which headers bring a credential, and which are refused before anybody looks at it."""

from typing import Any

import pytest

from domain.errors import Unauthenticated
from gateway.headers import HeaderFields
from gateway.identity.credentials import Credential, read_credential
from gateway.identity.refusals import Reason, reason_of
from tenants.directory.api_keys import new_secret
from tests.gateway.identity.forge import encode

TOKEN = "aaaa.bbbb.cccc"
SECRET = "da2-" + "a1" * 13
HEADER = encode(b'{"alg":"RS256"}')


def headers(*pairs: tuple[str, str]) -> HeaderFields:
    """Return headers as a server gives them: lower-case names, repetitions kept."""
    return HeaderFields((name.lower().encode(), value.encode("latin-1")) for name, value in pairs)


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER ", "bEaReR "])
def test_a_token_comes_with_or_without_bearer(scheme: str) -> None:
    """Amplify sends the token alone, others after `Bearer`: both name the same credential."""
    expected = Credential(kind="jwt", value=TOKEN)

    assert read_credential(headers(("Authorization", scheme + TOKEN))) == expected
    assert read_credential({"Authorization": scheme + TOKEN}) == expected
    named = Credential(kind="jwt", value=TOKEN, agency_hint="harbor")
    assert read_credential({"Authorization": scheme + TOKEN, "X-Agency": "harbor"}) == named
    assert read_credential(headers(("X-AGENCY", "harbor"), ("Authorization", TOKEN))) == named


def test_an_api_key_comes_in_its_own_header() -> None:
    """`x-api-key` is an API key, whatever the case of the name."""
    secret = new_secret()
    expected = Credential(kind="api_key", value=secret, agency_hint="harbor")

    assert read_credential(headers(("X-Api-Key", secret), ("X-Agency", "harbor"))) == expected
    assert read_credential({"x-api-key": secret, "x-agency": "harbor"}) == expected


def test_no_credential_is_none() -> None:
    """A request without credential is nobody's; a hint alone is no credential."""
    assert read_credential(headers()) is None
    assert read_credential(headers(("host", "x"), ("x-agency", "harbor"))) is None
    assert read_credential({"host": "x", "x-amz-date": "20261121T224516Z"}) is None


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("authorization", TOKEN), ("x-api-key", SECRET)], Reason.SEVERAL_CREDENTIALS),
        ([("authorization", "Basic eDp5"), ("x-api-key", SECRET)], Reason.SEVERAL_CREDENTIALS),
        ([("authorization", ""), ("x-api-key", SECRET)], Reason.SEVERAL_CREDENTIALS),
        ([("authorization", TOKEN), ("authorization", TOKEN)], Reason.REPEATED_HEADER),
        ([("authorization", TOKEN), ("Authorization", "")], Reason.REPEATED_HEADER),
        ([("x-api-key", SECRET), ("x-api-key", SECRET)], Reason.REPEATED_HEADER),
        (
            [("authorization", TOKEN), ("x-agency", "harbor"), ("x-agency", "harbor")],
            Reason.REPEATED_HEADER,
        ),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=a/b")], Reason.IAM_NOT_OFFERED),
        ([("authorization", " aws4-hmac-sha256 Credential=a.b.c")], Reason.IAM_NOT_OFFERED),
        ([("authorization", f"DPoP {TOKEN}")], Reason.UNKNOWN_SCHEME),
        ([("authorization", f" {TOKEN} ")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"\t{TOKEN} {TOKEN}")], Reason.UNKNOWN_SCHEME),
        ([("authorization", f"\t{TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", "\t \t")], Reason.MALFORMED_TOKEN),
        ([("authorization", "opaque\x7f")], Reason.MALFORMED_TOKEN),
        ([("authorization", "opaque\xe9")], Reason.MALFORMED_TOKEN),
        ([("authorization", "o" * 2049)], Reason.TOKEN_TOO_LARGE),
        ([("authorization", f"Bearer,{TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"Bearer  {TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"Bearer\t{TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"Bearer Bearer {TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"Bearer {TOKEN} {TOKEN}")], Reason.MALFORMED_TOKEN),
        ([("authorization", "Bearer")], Reason.MALFORMED_TOKEN),
        ([("authorization", "Bearer ")], Reason.MALFORMED_TOKEN),
        ([("authorization", "")], Reason.MALFORMED_TOKEN),
        ([("authorization", f"{TOKEN}\xe9")], Reason.MALFORMED_TOKEN),
        ([("authorization", SECRET)], Reason.MALFORMED_TOKEN),
        ([("authorization", f"Bearer {SECRET}")], Reason.MALFORMED_TOKEN),
        ([("authorization", "Bearer " + "a" * 8189 + ".b.c")], Reason.TOKEN_TOO_LARGE),
        ([("x-api-key", "")], Reason.MALFORMED_API_KEY),
        ([("x-api-key", TOKEN)], Reason.MALFORMED_API_KEY),
        ([("x-api-key", SECRET.upper())], Reason.MALFORMED_API_KEY),
        ([("x-api-key", f" {SECRET}")], Reason.MALFORMED_API_KEY),
        ([("x-api-key", SECRET + "a")], Reason.MALFORMED_API_KEY),
        ([("x-api-key", "da2-" + "\xe9" * 26)], Reason.MALFORMED_API_KEY),
        ([("x-api-key", "a" * 100_000)], Reason.MALFORMED_API_KEY),
    ],
)
def test_a_doubtful_request_is_refused(pairs: list[tuple[str, str]], reason: Reason) -> None:
    """Several credentials, repeated headers and foreign spellings never reach the authenticator."""
    with pytest.raises(Unauthenticated) as refusal:
        read_credential(headers(*pairs))

    assert reason_of(refusal.value) is reason


@pytest.mark.parametrize(
    "text",
    ["custom-authorized", "Bearer custom", "Basic eDp5", "null", "one.dot", "x y", "o" * 2048],
)
def test_what_is_no_token_is_for_an_authorizer(text: str) -> None:
    """It is handed on as it came, `Bearer` included: what it means is the authorizer's to say."""
    expected = Credential(kind="opaque", value=text, agency_hint="harbor")
    assert read_credential(headers(("authorization", text), ("x-agency", "harbor"))) == expected


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"Bearer {TOKEN}",
        f"Bearer  {TOKEN}",
        f"Bearer\t{TOKEN}",
        f" {TOKEN}",
        f"{TOKEN} ",
        f'"{TOKEN}"',
        f"Token {TOKEN}",
        f"{TOKEN}.dddd",
        f"{TOKEN}=",
        "aaaa..cccc",
        HEADER,
        f"{HEADER}.e30",
        f"bearer {HEADER}.e30",
        f"x {HEADER}",
        f"{HEADER}\uff0ee30\uff0eAA",
    ],
)
def test_nothing_like_a_token_reaches_an_authorizer(text: str) -> None:
    """A raw JWT, and one that is damaged, is a JWT or refused: authorizers get to see none."""
    if text in (TOKEN, f"Bearer {TOKEN}"):
        assert read_credential({"authorization": text}) == Credential(kind="jwt", value=TOKEN)
        return
    with pytest.raises(Unauthenticated) as refusal:
        read_credential({"authorization": text})
    assert reason_of(refusal.value) in {Reason.MALFORMED_TOKEN, Reason.UNKNOWN_SCHEME}


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([("authorization", TOKEN), ("x-api-key", SECRET)], "one credential"),
        ([("authorization", TOKEN), ("authorization", TOKEN)], "once each"),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=a/b")], "IAM"),
    ],
)
def test_who_sends_a_doubtful_request_is_told_what_to_send(
    pairs: list[tuple[str, str]], told: str
) -> None:
    """What is wrong with its form is said, and nothing about the credentials in it."""
    with pytest.raises(Unauthenticated) as refusal:
        read_credential(headers(*pairs))
    assert told in refusal.value.message
    assert SECRET not in refusal.value.message


@pytest.mark.parametrize("value", [None, 1, True, [TOKEN], {"a": TOKEN}])
def test_a_realtime_client_may_send_anything(value: Any) -> None:
    """In the object of a realtime handshake a value that is no text is refused, not tripped on."""
    for name in ("Authorization", "x-api-key", "x-agency"):
        with pytest.raises(Unauthenticated):
            read_credential({"host": "h", name: value})


def test_names_that_differ_in_case_alone_are_one_header() -> None:
    """A realtime object with two spellings of a name is a repetition."""
    with pytest.raises(Unauthenticated) as refusal:
        read_credential({"Authorization": TOKEN, "authorization": TOKEN})

    assert reason_of(refusal.value) is Reason.REPEATED_HEADER


def test_a_lone_surrogate_is_refused() -> None:
    """What JSON can spell and a header cannot is refused like any other wrong spelling."""
    with pytest.raises(Unauthenticated):
        read_credential({"authorization": "a.b.\ud800"})


def test_the_secret_is_not_in_what_is_logged() -> None:
    """A credential's text form shows its kind and the hint only."""
    credential = Credential(kind="api_key", value=SECRET, agency_hint="harbor")

    assert SECRET not in repr(credential)
    assert SECRET not in str(credential)


def test_the_longest_allowed_token_is_read() -> None:
    """8 KB are allowed, whether or not `Bearer` stands before them."""
    token = "a" * 8188 + ".b.c"
    for authorization in (token, f"Bearer {token}"):
        credential = read_credential({"authorization": authorization})
        assert credential is not None
        assert len(credential.value) == 8192
