"""AWS Amplify, unchanged, against the running provider over real HTTP."""

from collections.abc import Iterator

import jwt
import pyotp
import pytest

from tests.gateway.local.identity_provider.node_clients import NodeClient, Refused, node_client
from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    SUBJECTS,
    Running,
)

MAIL = "new@people.test"


@pytest.fixture(params=["", f"/{HARBOR}", f"/{HARBOR}/"], ids=["root", "pool", "pool-slash"])
def amplify(provider: Running, request: pytest.FixtureRequest) -> Iterator[NodeClient]:
    with node_client("amplify.cjs", provider.url + request.param, HARBOR, CLIENT) as client:
        yield client


@pytest.fixture
def at_pool(provider: Running) -> Iterator[NodeClient]:
    with node_client("amplify.cjs", f"{provider.url}/{HARBOR}", HARBOR, CLIENT) as client:
        yield client


def sign_in(client: NodeClient, name: str = COUNSELOR, password: str = PASSWORD) -> str:
    """Return the next step that the client says there is."""
    found = client("signIn", {"username": name, "password": password})
    step: str = found["nextStep"]["signInStep"]
    return step


def claims(token: str) -> dict[str, object]:
    decoded: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def test_its_default_sign_in_refresh_and_sign_out(provider: Running, amplify: NodeClient) -> None:
    """A sign-in by SRP, a forced refresh and signOut, at the root or the pool's address."""
    assert sign_in(amplify) == "DONE"
    first = amplify("session")
    assert first["subject"] == SUBJECTS[COUNSELOR]
    assert claims(first["access"])["iss"] == f"{provider.url}/{HARBOR}"
    assert amplify("fetchUserAttributes")["email"] == COUNSELOR

    second = amplify("session", {"forceRefresh": True})
    assert second["access"] != first["access"]
    assert claims(second["access"])["origin_jti"] == claims(first["access"])["origin_jti"]

    amplify("signOut")
    assert [one.value for one in provider.revoked] == [claims(first["access"])["origin_jti"]]
    assert "access" not in amplify("session")


def test_a_wrong_password_has_the_name_that_apps_look_for(at_pool: NodeClient) -> None:
    """Apps tell the errors apart by name: a wrong password and nobody at all are the same."""
    for name in (COUNSELOR, "nobody@harbor.test"):
        with pytest.raises(Refused) as refusal:
            sign_in(at_pool, name, "Almoner-Demo-2")
        assert refusal.value.name == "NotAuthorizedException"


def test_a_sign_up_from_the_form_to_the_tokens(provider: Running, at_pool: NodeClient) -> None:
    """signUp, a wrong code, another code, confirmSignUp, signIn: a consumer."""
    options = {"userAttributes": {"email": MAIL, "name": "Nell Newcomer"}}
    begun = at_pool("signUp", {"username": MAIL, "password": PASSWORD, "options": options})
    assert begun["nextStep"]["signUpStep"] == "CONFIRM_SIGN_UP"
    assert begun["nextStep"]["codeDeliveryDetails"]["destination"] == "n***@p***"
    assert sign_in(at_pool, MAIL) == "CONFIRM_SIGN_UP"

    with pytest.raises(Refused, match="CodeMismatchException"):
        at_pool("confirmSignUp", {"username": MAIL, "confirmationCode": "x"})
    at_pool("resendSignUpCode", {"username": MAIL})
    code = provider.secret_sent_to(MAIL)
    done = at_pool("confirmSignUp", {"username": MAIL, "confirmationCode": code})
    assert done["isSignUpComplete"]

    assert sign_in(at_pool, MAIL) == "DONE"
    session = at_pool("session")
    assert claims(session["access"])["cognito:groups"] == ["consumers"]
    assert claims(session["id"])["name"] == "Nell Newcomer"


def test_an_authenticator_app(provider: Running, at_pool: NodeClient) -> None:
    """setUpTOTP, verifyTOTPSetup, updateMFAPreference; then signIn asks for the app's code."""
    sign_in(at_pool)
    app = pyotp.TOTP(at_pool("setUpTOTP")["sharedSecret"])
    with pytest.raises(Refused, match="EnableSoftwareTokenMFAException"):
        at_pool("verifyTOTPSetup", {"code": app.at(0)})
    at_pool("verifyTOTPSetup", {"code": app.at(provider.clock())})
    at_pool("updateMFAPreference", {"totp": "PREFERRED"})
    assert at_pool("fetchMFAPreference") == {"enabled": ["TOTP"], "preferred": "TOTP"}
    at_pool("signOut")

    assert sign_in(at_pool) == "CONFIRM_SIGN_IN_WITH_TOTP_CODE"
    with pytest.raises(Refused, match="CodeMismatchException"):
        at_pool("confirmSignIn", {"challengeResponse": app.at(0)})
    provider.clock.turn(30)
    found = at_pool("confirmSignIn", {"challengeResponse": app.at(provider.clock())})
    assert found["isSignedIn"]


def test_a_temporary_password(provider: Running, at_pool: NodeClient) -> None:
    """Who was invited signs in with the password that was sent, and chooses their own."""
    provider.aws(signed=True).admin_create_user(UserPoolId=HARBOR, Username=MAIL)
    temporary = provider.secret_sent_to(MAIL)

    assert sign_in(at_pool, MAIL, temporary) == "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED"
    with pytest.raises(Refused, match="InvalidPasswordException"):
        at_pool("confirmSignIn", {"challengeResponse": "short"})
    assert at_pool("confirmSignIn", {"challengeResponse": PASSWORD})["isSignedIn"]
    at_pool("signOut")
    assert sign_in(at_pool, MAIL) == "DONE"


def test_a_forgotten_password_and_a_changed_one(provider: Running, at_pool: NodeClient) -> None:
    """A new password by the code that was sent, another one, then out everywhere."""
    at_pool("resetPassword", {"username": COUNSELOR})
    code = provider.secret_sent_to(COUNSELOR)
    at_pool(
        "confirmResetPassword",
        {"username": COUNSELOR, "confirmationCode": code, "newPassword": "Reset-Password-2"},
    )
    assert sign_in(at_pool, password="Reset-Password-2") == "DONE"
    at_pool(
        "updatePassword", {"oldPassword": "Reset-Password-2", "newPassword": "Chosen-Password-3"}
    )
    at_pool("signOut", {"global": True})
    assert [one.kind for one in provider.revoked] == ["sub"]
    assert sign_in(at_pool, password="Chosen-Password-3") == "DONE"
