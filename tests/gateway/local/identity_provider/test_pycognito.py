"""pycognito, unchanged, against the running provider: an SRP of its own, over real HTTP."""

import random
import string
from typing import Any

import pyotp
import pytest
from pycognito import AWSSRP, Cognito
from pycognito.exceptions import ForceChangePasswordException, SoftwareTokenMFAChallengeException

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    SUBJECTS,
    Running,
)


def srp(provider: Running, name: str = COUNSELOR, password: str = PASSWORD) -> AWSSRP:
    return AWSSRP(
        username=name, password=password, pool_id=HARBOR, client_id=CLIENT, client=provider.aws()
    )


def cognito(provider: Running, name: str = COUNSELOR, **others: Any) -> Cognito:
    address = {"endpoint_url": provider.url}
    return Cognito(HARBOR, CLIENT, username=name, boto3_client_kwargs=address, **others)


def test_it_signs_in_every_time(provider: Running) -> None:
    """Whatever the random values are, both ends come to the same key: padding differs by them."""
    for _ in range(12):
        result = srp(provider).authenticate_user()["AuthenticationResult"]

        assert set(result) == {"AccessToken", "IdToken", "RefreshToken", "ExpiresIn", "TokenType"}


def test_passwords_in_any_script_and_shape_are_agreed_upon(provider: Running) -> None:
    """A password set by the provider is the one that the client proves, spelled as it was."""
    rng = random.Random(7)
    admin = provider.aws(signed=True)
    for alphabet in (string.printable[:94], "äöüßéñ東京пароль🙂:|"):
        password = "Aa1!" + "".join(rng.choice(alphabet) for _ in range(40))
        admin.admin_set_user_password(
            UserPoolId=HARBOR, Username=COUNSELOR, Password=password, Permanent=True
        )

        assert "AuthenticationResult" in srp(provider, password=password).authenticate_user()


def test_a_wrong_password_is_refused(provider: Running) -> None:
    """The proof is checked, and not only asked for."""
    client = provider.aws()
    with pytest.raises(client.exceptions.ClientError) as refusal:
        srp(provider, password="Almoner-Demo-2").authenticate_user()

    assert refusal.value.response["Error"] == {
        "Code": "NotAuthorizedException",
        "Message": "Incorrect username or password.",
    }


def test_its_whole_life_with_a_user(provider: Running) -> None:
    """Sign-in with its own verification of both tokens, attributes, refresh, sign-out."""
    user = cognito(provider)
    user.authenticate(password=PASSWORD)
    first = user.access_token

    assert user.id_claims["email"] == COUNSELOR
    assert user.access_claims["sub"] == SUBJECTS[COUNSELOR]
    assert user.get_user().name == "Grace Somebody"

    user.renew_access_token()
    assert user.access_token != first
    user.change_password(PASSWORD, "Another-Password-2")
    kept = user.refresh_token
    user.logout()
    user.refresh_token = kept
    with pytest.raises(user.client.exceptions.NotAuthorizedException):
        user.renew_access_token()

    again = cognito(provider)
    again.authenticate(password="Another-Password-2")
    assert again.access_token


def test_a_temporary_password_is_changed_on_the_way(provider: Running) -> None:
    """NEW_PASSWORD_REQUIRED is met by the client's own method, and the new password then holds."""
    provider.aws(signed=True).admin_create_user(
        UserPoolId=HARBOR, Username="new@harbor.test", TemporaryPassword="Temporary-1"
    )
    with pytest.raises(ForceChangePasswordException):
        srp(provider, "new@harbor.test", "Temporary-1").authenticate_user()
    found = srp(provider, "new@harbor.test", "Temporary-1").set_new_password_challenge(PASSWORD)

    assert "AccessToken" in found["AuthenticationResult"]
    assert "AuthenticationResult" in srp(provider, "new@harbor.test").authenticate_user()


def test_an_authenticator_app_is_asked_for(provider: Running) -> None:
    """Set up by the client, SOFTWARE_TOKEN_MFA stands between the password and the tokens."""
    user = cognito(provider)
    user.authenticate(password=PASSWORD)
    app = pyotp.TOTP(user.associate_software_token())
    assert user.verify_software_token(app.at(provider.clock()), "my telephone")
    user.set_user_mfa_preference(sms_mfa=False, software_token_mfa=True, preferred="SOFTWARE_TOKEN")

    again = cognito(provider)
    with pytest.raises(SoftwareTokenMFAChallengeException) as asked:
        again.authenticate(password=PASSWORD)
    provider.clock.turn(30)
    again.respond_to_software_token_mfa_challenge(
        app.at(provider.clock()), asked.value.get_tokens()
    )
    assert again.access_token
