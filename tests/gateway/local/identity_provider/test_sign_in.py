"""Signing in, by AWS's own client and by bare requests: what holds, what is refused and how."""

import base64
import json
from typing import Any

import jwt
import pyotp
import pytest
from botocore.exceptions import ClientError
from pycognito import AWSSRP

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    OPERATORS,
    PASSWORD,
    SUBJECTS,
    SUMMIT,
    Running,
)

WRONG = ("NotAuthorizedException", "Incorrect username or password.")


def fault_of(answer: Any) -> tuple[str, str]:
    """Return the name and the text of a refusal, and hold it to be spelled as Cognito's are."""
    body = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-errortype"] == body["__type"]
    assert set(body) == {"__type", "message"}
    return body["__type"], body["message"]


def begin_srp(provider: Running, name: str = COUNSELOR, a: str = "ab" * 300) -> Any:
    return provider.call(
        "InitiateAuth",
        ClientId=CLIENT,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": name, "SRP_A": a},
    )


def answer_srp(provider: Running, begun: dict[str, Any], **changes: str) -> Any:
    parameters = begun["ChallengeParameters"]
    responses = {
        "USERNAME": parameters["USERNAME"],
        "PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(bytes(32)).decode(),
        "TIMESTAMP": "Sat Nov 21 22:45:21 UTC 2026",
    } | changes
    return provider.call(
        "RespondToAuthChallenge",
        ClientId=CLIENT,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses={name: value for name, value in responses.items() if value},
    )


def test_what_a_sign_in_brings(provider: Running) -> None:
    """Three tokens for one sign-in, with the members that clients read."""
    answer = provider.password_auth(COUNSELOR)
    result = answer["AuthenticationResult"]
    access, identity = (
        jwt.decode(result[name], options={"verify_signature": False})
        for name in ("AccessToken", "IdToken")
    )

    assert answer["ChallengeParameters"] == {}
    assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
    assert access["origin_jti"] == identity["origin_jti"]
    assert access["jti"] != identity["jti"]
    assert access["sub"] == identity["sub"] == SUBJECTS[COUNSELOR]
    assert "aud" not in access
    assert "at_hash" not in identity
    assert "." not in result["RefreshToken"]


def test_everybody_is_found_in_their_own_pool(provider: Running) -> None:
    """One app client is in three pools: the name says which is meant, by address or subject."""
    for name, pool_id in (
        (COUNSELOR, HARBOR),
        (f" {COUNSELOR.upper()} ", HARBOR),
        (SUBJECTS[COUNSELOR], HARBOR),
        ("counselor@summit.test", SUMMIT),
        ("operator@almoner.test", OPERATORS),
    ):
        token = provider.sign_in(name)["AccessToken"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["iss"] == f"{provider.url}/{pool_id}"


def test_a_pools_own_address_knows_nobody_elses_users(provider: Running) -> None:
    """At a pool's address only its users sign in, refresh and ask; another pool's are nobody."""
    stranger = provider.aws(SUMMIT)
    with pytest.raises(ClientError) as refusal:
        stranger.initiate_auth(
            ClientId=CLIENT,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": COUNSELOR, "PASSWORD": PASSWORD},
        )
    tokens = provider.sign_in()
    with pytest.raises(stranger.exceptions.NotAuthorizedException):
        stranger.get_user(AccessToken=tokens["AccessToken"])
    with pytest.raises(stranger.exceptions.NotAuthorizedException):
        stranger.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=tokens["RefreshToken"])

    assert refusal.value.response["Error"]["Code"] == "NotAuthorizedException"
    with pytest.raises(stranger.exceptions.ResourceNotFoundException):
        provider.aws("us-east-1_Nowhere1").initiate_auth(
            ClientId=CLIENT,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "a", "PASSWORD": "b"},
        )


def test_nobody_looks_like_somebody(provider: Running) -> None:
    """An unknown name gets a challenge of the same form, the same each time, and the same no."""
    known = begin_srp(provider).json()
    first, second = (begin_srp(provider, "Nobody@harbor.test").json() for _ in range(2))
    for one in (known, first, second):
        assert one["ChallengeName"] == "PASSWORD_VERIFIER"
        assert set(one["ChallengeParameters"]) == set(known["ChallengeParameters"])
    for name in ("SALT", "USER_ID_FOR_SRP", "USERNAME"):
        assert first["ChallengeParameters"][name] == second["ChallengeParameters"][name]
    for name in ("SRP_B", "SECRET_BLOCK"):
        assert first["ChallengeParameters"][name] != second["ChallengeParameters"][name]
    other = begin_srp(provider, "other@harbor.test").json()["ChallengeParameters"]
    assert other["SALT"] != first["ChallengeParameters"]["SALT"]

    assert fault_of(answer_srp(provider, known)) == WRONG
    assert fault_of(answer_srp(provider, first)) == WRONG
    for name in (COUNSELOR, "nobody@harbor.test"):
        assert tuple(provider.password_auth(name, "Wrong-Password-1").values()) == WRONG


def test_a_challenge_is_answered_once_and_in_time(provider: Running) -> None:
    """A proof that was used, or that comes after three minutes, is worth nothing."""
    client = provider.aws()
    srp = AWSSRP(
        username=COUNSELOR, password=PASSWORD, pool_id=HARBOR, client_id=CLIENT, client=client
    )

    def begin() -> dict[str, Any]:
        asked = client.initiate_auth(
            AuthFlow="USER_SRP_AUTH", AuthParameters=srp.get_auth_params(), ClientId=CLIENT
        )
        return {
            "ClientId": CLIENT,
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": srp.process_challenge(
                asked["ChallengeParameters"], srp.get_auth_params()
            ),
        }

    response = begin()
    assert client.respond_to_auth_challenge(**response)["AuthenticationResult"]
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.respond_to_auth_challenge(**response)
    late = begin()
    provider.clock.turn(181)
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.respond_to_auth_challenge(**late)


def test_a_challenge_is_of_one_user_and_client(provider: Running) -> None:
    """Nobody answers for another: name, client and kind are those that it was put to."""
    begun = begin_srp(provider).json()
    assert fault_of(answer_srp(provider, begun, USERNAME="counselor@summit.test")) == WRONG
    session = begun["ChallengeParameters"]["SECRET_BLOCK"]
    mixed = provider.call(
        "RespondToAuthChallenge",
        ClientId=CLIENT,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=session,
        ChallengeResponses={"USERNAME": COUNSELOR, "SOFTWARE_TOKEN_MFA_CODE": "000000"},
    )
    assert fault_of(mixed)[0] == "NotAuthorizedException"


def test_no_challenge_stands_for_another(provider: Running) -> None:
    """Who was asked for a password, or for a code, sets no new password with that."""
    blocks = [begin_srp(provider).json()["ChallengeParameters"]["SECRET_BLOCK"]]
    turn_on_app(provider)
    blocks.append(provider.password_auth(COUNSELOR)["Session"])
    for session in blocks:
        answer = provider.call(
            "RespondToAuthChallenge",
            ClientId=CLIENT,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses={"USERNAME": COUNSELOR, "NEW_PASSWORD": "Another-Password-2"},
        )
        assert fault_of(answer)[0] == "NotAuthorizedException"
    assert provider.password_auth(COUNSELOR)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_challenge_is_answered_at_its_pool(provider: Running) -> None:
    """At another pool's address it is as good as expired; at its own, or the root, it is open."""
    app = turn_on_app(provider)
    session = provider.password_auth(COUNSELOR)["Session"]
    provider.clock.turn(30)

    def answer(at: str) -> Any:
        return provider.call(
            "RespondToAuthChallenge",
            at=at,
            ClientId=CLIENT,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=session,
            ChallengeResponses={
                "USERNAME": COUNSELOR,
                "SOFTWARE_TOKEN_MFA_CODE": app.at(provider.clock()),
            },
        )

    assert fault_of(answer(f"/{SUMMIT}"))[0] == "NotAuthorizedException"
    assert answer(f"/{HARBOR}").status_code == 200


def test_who_is_disabled_meanwhile_does_not_come_in(provider: Running) -> None:
    """Between the password and the code an administrator may have shut them out."""
    app = turn_on_app(provider)
    session = provider.password_auth(COUNSELOR)["Session"]
    provider.aws(signed=True).admin_disable_user(UserPoolId=HARBOR, Username=COUNSELOR)
    provider.clock.turn(30)
    answer = provider.call(
        "RespondToAuthChallenge",
        ClientId=CLIENT,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=session,
        ChallengeResponses={
            "USERNAME": COUNSELOR,
            "SOFTWARE_TOKEN_MFA_CODE": app.at(provider.clock()),
        },
    )
    assert fault_of(answer) == ("NotAuthorizedException", "User is disabled.")


def turn_on_app(provider: Running) -> pyotp.TOTP:
    """Give the counselor an authenticator app, and return it."""
    client, access = provider.aws(), provider.sign_in()["AccessToken"]
    app = pyotp.TOTP(client.associate_software_token(AccessToken=access)["SecretCode"])
    client.verify_software_token(AccessToken=access, UserCode=app.at(provider.clock()))
    client.set_user_mfa_preference(
        AccessToken=access, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    return app


def test_wrong_codes_lock_as_wrong_passwords_do(provider: Running) -> None:
    """A right password in between does not begin the count anew, only a whole sign-in does."""
    turn_on_app(provider)
    provider.clock.stop()
    for _ in range(5):
        answer = provider.call(
            "RespondToAuthChallenge",
            ClientId=CLIENT,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=provider.password_auth(COUNSELOR)["Session"],
            ChallengeResponses={
                "USERNAME": COUNSELOR,
                "SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(pyotp.random_base32()).at(0),
            },
        )
        assert fault_of(answer)[0] == "CodeMismatchException"
    assert provider.password_auth(COUNSELOR)["message"] == "Password attempts exceeded"


@pytest.mark.parametrize(
    "a", ["0", "00", "-1", "xyz", "", "f" * 1025, f"{2**3072:x}"], ids=lambda a: a[:5]
)
def test_a_bad_public_value_is_refused(provider: Running, a: str) -> None:
    """What is no number of the group, or would make the key known, begins nothing."""
    assert fault_of(begin_srp(provider, a=a))[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("member", "value", "name"),
    [
        ("TIMESTAMP", "2026-11-21T22:45:21Z", "InvalidParameterException"),
        ("TIMESTAMP", "", "InvalidParameterException"),
        ("PASSWORD_CLAIM_SIGNATURE", "", "InvalidParameterException"),
        ("PASSWORD_CLAIM_SIGNATURE", "ß", "NotAuthorizedException"),
        ("PASSWORD_CLAIM_SECRET_BLOCK", "!", "NotAuthorizedException"),
        ("PASSWORD_CLAIM_SECRET_BLOCK", "AAAA", "NotAuthorizedException"),
        ("USERNAME", "x" * 129, "InvalidParameterException"),
    ],
)
def test_bad_answers_are_refused(provider: Running, member: str, value: str, name: str) -> None:
    """Each member of an answer has a form."""
    begun = begin_srp(provider).json()
    assert fault_of(answer_srp(provider, begun, **{member: value}))[0] == name


@pytest.mark.parametrize(
    ("flow", "parameters", "name"),
    [
        ("CUSTOM_AUTH", {"USERNAME": COUNSELOR}, "InvalidParameterException"),
        ("USER_PASSWORD_AUTH", {"PASSWORD": PASSWORD}, "InvalidParameterException"),
        ("USER_PASSWORD_AUTH", {"USERNAME": COUNSELOR}, "InvalidParameterException"),
        ("USER_SRP_AUTH", {"USERNAME": COUNSELOR}, "InvalidParameterException"),
        ("REFRESH_TOKEN_AUTH", {}, "InvalidParameterException"),
        ("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": "guessed"}, "NotAuthorizedException"),
        (
            "USER_PASSWORD_AUTH",
            {"USERNAME": COUNSELOR, "PASSWORD": "x" * 300},
            "NotAuthorizedException",
        ),
    ],
)
def test_other_flows_and_missing_parameters(
    provider: Running, flow: str, parameters: dict[str, str], name: str
) -> None:
    """A flow that there is not, and one that lacks something, are errors of the caller's."""
    answer = provider.call(
        "InitiateAuth", ClientId=CLIENT, AuthFlow=flow, AuthParameters=parameters
    )
    assert fault_of(answer)[0] == name


def test_an_unknown_client_is_a_resource_that_is_not_there(provider: Running) -> None:
    """Cognito's name for it, whatever the call."""
    refreshing = {"REFRESH_TOKEN": "x"}
    for operation, asked in (
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN", "AuthParameters": refreshing}),
        ("GetTokensFromRefreshToken", {"RefreshToken": "x"}),
        ("RevokeToken", {"Token": "x"}),
        ("SignUp", {"Username": "a@b.test", "Password": PASSWORD}),
        ("ForgotPassword", {"Username": "a@b.test"}),
    ):  # fmt: skip
        answer = provider.call(operation, ClientId="another", **asked)
        assert fault_of(answer)[0] == "ResourceNotFoundException"


def test_a_temporary_password_ends(provider: Running) -> None:
    """It is changed within a week, or set anew; its session takes a good password alone."""
    admin, client = provider.aws(signed=True), provider.aws()
    admin.admin_set_user_password(
        UserPoolId=HARBOR, Username=COUNSELOR, Password="Temporary-1", Permanent=False
    )
    begun = provider.password_auth(COUNSELOR, "Temporary-1")
    assert begun["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(begun["ChallengeParameters"]["userAttributes"])["email"] == COUNSELOR

    def choose(password: str, **more: str) -> Any:
        return client.respond_to_auth_challenge(
            ClientId=CLIENT,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=begun["Session"],
            ChallengeResponses={"USERNAME": COUNSELOR, "NEW_PASSWORD": password} | more,
        )

    with pytest.raises(client.exceptions.InvalidPasswordException):
        choose("nothing")
    with pytest.raises(client.exceptions.InvalidParameterException):
        choose(PASSWORD, **{"userAttributes.sub": "another"})
    assert choose(PASSWORD, **{"userAttributes.name": "Grace Other"})["AuthenticationResult"]
    assert provider.aws(signed=True).admin_get_user(UserPoolId=HARBOR, Username=COUNSELOR)[
        "UserStatus"
    ] == "CONFIRMED"  # fmt: skip
    with pytest.raises(client.exceptions.NotAuthorizedException):
        choose(PASSWORD)

    admin.admin_set_user_password(
        UserPoolId=HARBOR, Username=COUNSELOR, Password="Temporary-1", Permanent=False
    )
    provider.clock.turn(7 * 24 * 3600 + 1)
    assert "expired" in provider.password_auth(COUNSELOR, "Temporary-1")["message"]


def test_an_apps_code_counts_once(provider: Running) -> None:
    """A code is right for a step either way, once; a few wrong ones end the challenge."""
    client = provider.aws()
    access = provider.sign_in()["AccessToken"]
    app = pyotp.TOTP(client.associate_software_token(AccessToken=access)["SecretCode"])
    provider.clock.stop()
    client.verify_software_token(AccessToken=access, UserCode=app.at(provider.clock()))
    client.set_user_mfa_preference(
        AccessToken=access, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )

    def answer(session: str, code: str) -> Any:
        return client.respond_to_auth_challenge(
            ClientId=CLIENT,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=session,
            ChallengeResponses={"USERNAME": COUNSELOR, "SOFTWARE_TOKEN_MFA_CODE": code},
        )

    session = provider.password_auth(COUNSELOR)["Session"]
    with pytest.raises(client.exceptions.ExpiredCodeException):
        answer(session, app.at(provider.clock()))
    with pytest.raises(client.exceptions.CodeMismatchException):
        answer(session, app.at(provider.clock(), counter_offset=2))
    for bad in ("12345", "abcdef", "١٢٣٤٥٦"):
        with pytest.raises(client.exceptions.InvalidParameterException):
            answer(session, bad)
    assert answer(session, app.at(provider.clock(), counter_offset=1))["AuthenticationResult"]

    provider.clock.turn(90)
    session = provider.password_auth(COUNSELOR)["Session"]
    right = app.at(provider.clock())
    for _ in range(5):
        with pytest.raises(client.exceptions.CodeMismatchException):
            answer(session, f"{(int(right) + 1) % 1_000_000:06d}")
    provider.clock.turn(2)
    with pytest.raises(client.exceptions.NotAuthorizedException):
        answer(session, right)
