"""Refreshing, revoking, signing out everywhere: what still holds afterwards, and what does not."""

from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    SUBJECTS,
    SUMMIT,
    Running,
)


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


@pytest.mark.parametrize("flow", ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", "newer"])
def test_a_refresh_is_of_the_same_sign_in(provider: Running, flow: str) -> None:
    """New tokens, the sign-in's moment and origin as before, and no other refresh token."""
    client, first = provider.aws(), provider.sign_in()
    provider.clock.turn(1000)
    if flow == "newer":
        answer = client.get_tokens_from_refresh_token(
            ClientId=CLIENT, RefreshToken=first["RefreshToken"]
        )
    else:
        parameters = {"REFRESH_TOKEN": first["RefreshToken"]}
        answer = client.initiate_auth(ClientId=CLIENT, AuthFlow=flow, AuthParameters=parameters)
    second = answer["AuthenticationResult"]
    before, after = claims(first["AccessToken"]), claims(second["AccessToken"])

    assert "RefreshToken" not in second
    assert (second["TokenType"], second["ExpiresIn"]) == ("Bearer", 3600)
    assert after["auth_time"] == before["auth_time"]
    assert after["origin_jti"] == before["origin_jti"]
    assert after["jti"] != before["jti"]
    assert int(after["iat"]) - int(before["iat"]) in (1000, 1001)


def test_a_refresh_token_ends_after_thirty_days(provider: Running) -> None:
    """Until then it holds, however often it is used."""
    client, kept = provider.aws(), provider.sign_in()["RefreshToken"]
    provider.clock.turn(30 * 24 * 3600 - 60)
    client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=kept)
    provider.clock.turn(61)
    with pytest.raises(client.exceptions.NotAuthorizedException, match="expired"):
        client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=kept)


def test_a_refresh_sees_the_user_as_they_are_now(provider: Running) -> None:
    """Groups are those of the moment; who was disabled gets nothing more."""
    client, admin = provider.aws(), provider.aws(signed=True)
    kept = provider.sign_in()["RefreshToken"]
    for group, change in (
        ("admins", admin.admin_add_user_to_group),
        ("counselors", admin.admin_remove_user_from_group),
    ):
        change(UserPoolId=HARBOR, Username=COUNSELOR, GroupName=group)
    found = client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=kept)
    assert claims(found["AuthenticationResult"]["AccessToken"])["cognito:groups"] == ["admins"]

    admin.admin_disable_user(UserPoolId=HARBOR, Username=COUNSELOR)
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=kept)
    assert provider.password_auth(COUNSELOR)["message"] == "User is disabled."
    admin.admin_enable_user(UserPoolId=HARBOR, Username=COUNSELOR)
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=kept)
    assert provider.sign_in()


def test_revoking_ends_one_sign_in(provider: Running) -> None:
    """Its access tokens too; another sign-in of the same person goes on. Again is no error."""
    client, one, other = provider.aws(), provider.sign_in(), provider.sign_in()
    for _ in range(2):
        client.revoke_token(ClientId=CLIENT, Token=one["RefreshToken"])
    client.revoke_token(ClientId=CLIENT, Token="never-was-one")

    with pytest.raises(client.exceptions.NotAuthorizedException, match="revoked"):
        client.get_tokens_from_refresh_token(ClientId=CLIENT, RefreshToken=one["RefreshToken"])
    with pytest.raises(client.exceptions.NotAuthorizedException, match="revoked"):
        client.get_user(AccessToken=one["AccessToken"])
    assert client.get_user(AccessToken=other["AccessToken"])["Username"] == SUBJECTS[COUNSELOR]
    origin = claims(one["AccessToken"])["origin_jti"]
    assert {(told.kind, told.value) for told in provider.revoked} == {("origin_jti", origin)}
    with pytest.raises(client.exceptions.UnsupportedTokenTypeException):
        client.revoke_token(ClientId=CLIENT, Token=other["AccessToken"])


def test_signing_out_everywhere_ends_all_and_lets_in_at_once(provider: Running) -> None:
    """Every token until then is refused; one of the same second, issued after it, holds."""
    client, one, other = provider.aws(), provider.sign_in(), provider.sign_in()
    provider.clock.stop()
    one = provider.sign_in()
    client.global_sign_out(AccessToken=one["AccessToken"])
    for tokens in (one, other):
        with pytest.raises(client.exceptions.NotAuthorizedException):
            client.get_user(AccessToken=tokens["AccessToken"])
        with pytest.raises(client.exceptions.NotAuthorizedException):
            client.get_tokens_from_refresh_token(
                ClientId=CLIENT, RefreshToken=tokens["RefreshToken"]
            )
    again = provider.sign_in()
    [told] = provider.revoked

    assert client.get_user(AccessToken=again["AccessToken"])
    assert (told.kind, told.value) == ("sub", SUBJECTS[COUNSELOR])
    assert int(claims(again["AccessToken"])["iat"]) > told.at.timestamp()
    assert int(claims(again["AccessToken"])["iat"]) - told.at.timestamp() <= 1


def test_several_sign_outs_within_a_second_end_what_was_issued_between(provider: Running) -> None:
    """Each is told with a moment that covers the tokens before it, and none after it."""
    client = provider.aws()
    provider.clock.stop()
    for _ in range(3):
        tokens = provider.sign_in()
        issued = int(claims(tokens["AccessToken"])["iat"])
        assert all(told.at.timestamp() < issued for told in provider.revoked)
        client.global_sign_out(AccessToken=tokens["AccessToken"])
        assert provider.revoked[-1].at.timestamp() >= issued
        with pytest.raises(client.exceptions.NotAuthorizedException):
            client.get_user(AccessToken=tokens["AccessToken"])


def test_a_revocation_that_cannot_be_told_is_not_done_and_is_told_later(provider: Running) -> None:
    """The call fails, others do not, and one of them tells it when the directory is back."""
    tokens = provider.sign_in()
    provider.directory_is_away = True
    answer = provider.call("GlobalSignOut", AccessToken=tokens["AccessToken"])
    assert (answer.status_code, answer.json()["__type"]) == (500, "InternalErrorException")
    assert provider.sign_in()
    assert provider.revoked == []
    provider.directory_is_away = False
    assert provider.sign_in()
    assert provider.sign_in()
    assert [told.value for told in provider.revoked] == [SUBJECTS[COUNSELOR]]


def test_an_administrator_signs_somebody_out(provider: Running) -> None:
    """AdminUserGlobalSignOut ends what GlobalSignOut ends."""
    client, tokens = provider.aws(), provider.sign_in()
    provider.aws(signed=True).admin_user_global_sign_out(UserPoolId=HARBOR, Username=COUNSELOR)
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.get_user(AccessToken=tokens["AccessToken"])
    assert [told.kind for told in provider.revoked] == ["sub"]


def test_tokens_are_judged_as_the_gateway_judges_them(provider: Running) -> None:
    """An expired, a foreign, a damaged and an ID token are nobody's access token."""
    client, tokens = provider.aws(), provider.sign_in()
    access = tokens["AccessToken"]
    head, payload, signature = access.split(".")
    user = provider.issuer.user(COUNSELOR)
    assert user is not None
    foreign = provider.issuer.mint(user, base_url="https://elsewhere.test")
    for bad in (
        tokens["IdToken"],
        foreign,
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        jwt.encode(claims(access), "x" * 32, algorithm="HS256"),
        "x",
        f"{access}==",
    ):
        with pytest.raises(ClientError) as refusal:
            client.get_user(AccessToken=bad)
        assert refusal.value.response["Error"]["Code"] == "NotAuthorizedException"
    assert client.get_user(AccessToken=provider.issuer.mint(user, base_url=provider.url))

    provider.clock.turn(3601)
    with pytest.raises(client.exceptions.NotAuthorizedException, match="expired"):
        client.get_user(AccessToken=access)


def test_tokens_without_a_sign_in_end_with_the_rest(provider: Running) -> None:
    """What `almoner token` printed ends with a sign-out everywhere, and is of one app client."""
    client = provider.aws()
    user = provider.issuer.user(COUNSELOR)
    assert user is not None
    printed = provider.issuer.mint(user, base_url=provider.url)
    kept = provider.sign_in("counselor@summit.test")["AccessToken"]
    client.global_sign_out(AccessToken=printed)
    with pytest.raises(client.exceptions.NotAuthorizedException, match="revoked"):
        client.get_user(AccessToken=printed)

    assert client.get_user(AccessToken=kept)
    provider.issuer.ensure_pool(SUMMIT, "another-app", agency="summit")
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.get_user(AccessToken=kept)


def test_a_changed_password_is_the_only_one(provider: Running) -> None:
    """ChangePassword wants the present one, and a good one in its place."""
    client, access = provider.aws(), provider.sign_in()["AccessToken"]

    def change(old: str, new: str) -> None:
        client.change_password(AccessToken=access, PreviousPassword=old, ProposedPassword=new)

    with pytest.raises(client.exceptions.NotAuthorizedException):
        change("Wrong-Password-1", "Another-Password-2")
    with pytest.raises(client.exceptions.InvalidPasswordException):
        change(PASSWORD, "another-password-2")
    change(PASSWORD, "Another-Password-2")

    assert "message" in provider.password_auth(COUNSELOR, PASSWORD)
    assert provider.sign_in(password="Another-Password-2")


def test_a_second_factor_is_only_an_app_that_was_verified(provider: Running) -> None:
    """No other factor can be preferred, nor an app that never showed a code."""
    client, access = provider.aws(), provider.sign_in()["AccessToken"]
    on = {"Enabled": True, "PreferredMfa": True}
    with pytest.raises(client.exceptions.SoftwareTokenMFANotFoundException):
        client.verify_software_token(AccessToken=access, UserCode="000000")
    client.associate_software_token(AccessToken=access)
    for settings in ("SoftwareTokenMfaSettings", "SMSMfaSettings", "EmailMfaSettings"):
        with pytest.raises(client.exceptions.InvalidParameterException):
            client.set_user_mfa_preference(AccessToken=access, **{settings: on})
    with pytest.raises(client.exceptions.InvalidParameterException):
        client.associate_software_token(Session="x" * 20)
    client.set_user_mfa_preference(
        AccessToken=access, SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False}
    )
    assert "UserMFASettingList" not in client.get_user(AccessToken=access)
    assert provider.sign_in()
