"""What an administrator does with a pool's users, by AWS's own client."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.gateway.local.identity_provider.running import (
    COUNSELOR,
    HARBOR,
    OPERATORS,
    PASSWORD,
    SUBJECTS,
    SUMMIT,
    Running,
)

MAIL = "new@harbor.test"


@pytest.fixture
def admin(provider: Running) -> Any:
    return provider.aws(signed=True)


def refused(call: Any, **asked: Any) -> str:
    """Return the name of the refusal."""
    with pytest.raises(ClientError) as refusal:
        call(**asked)
    name: str = refusal.value.response["Error"]["Code"]
    return name


def test_an_invited_user(provider: Running, admin: Any) -> None:
    """They are told a temporary password, are in no group before they are put in one."""
    made = admin.admin_create_user(
        UserPoolId=HARBOR,
        Username="New@Harbor.test",
        UserAttributes=[
            {"Name": "email", "Value": MAIL},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "name", "Value": "Nell Newcomer"},
        ],
    )["User"]
    [message] = provider.messages
    attributes = {one["Name"]: one["Value"] for one in made["Attributes"]}

    assert (made["Enabled"], made["UserStatus"]) == (True, "FORCE_CHANGE_PASSWORD")
    assert attributes == {
        "sub": made["Username"],
        "email": MAIL,
        "email_verified": "true",
        "name": "Nell Newcomer",
    }
    assert abs(made["UserCreateDate"].timestamp() - provider.clock().timestamp()) < 30
    assert (message.kind, message.email, message.pool_id) == ("invitation", MAIL, HARBOR)
    assert provider.password_auth(MAIL, message.secret)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert refused(admin.admin_create_user, UserPoolId=HARBOR, Username=MAIL) == (
        "UsernameExistsException"
    )

    admin.admin_create_user(UserPoolId=HARBOR, Username=MAIL, MessageAction="RESEND")
    assert provider.messages[-1].secret != message.secret
    assert "message" in provider.password_auth(MAIL, message.secret)
    admin.admin_set_user_password(
        UserPoolId=HARBOR, Username=MAIL, Password=PASSWORD, Permanent=True
    )
    assert refused(
        admin.admin_create_user, UserPoolId=HARBOR, Username=MAIL, MessageAction="RESEND"
    ) == ("UnsupportedUserStateException")


def test_nothing_is_sent_where_that_is_asked(provider: Running, admin: Any) -> None:
    """MessageAction SUPPRESS tells nobody; the password is then the caller's to tell."""
    admin.admin_create_user(
        UserPoolId=HARBOR,
        Username=MAIL,
        TemporaryPassword="Temporary-1",
        MessageAction="SUPPRESS",
    )
    assert provider.messages == []
    assert provider.password_auth(MAIL, "Temporary-1")["ChallengeName"]


def test_groups_are_those_of_the_pool(admin: Any) -> None:
    """An agency's pool has no operators, theirs nobody else; unknown ones are not there."""
    for pool_id, name, group in (
        (HARBOR, COUNSELOR, "operators"),
        (HARBOR, COUNSELOR, "nobodies"),
        (OPERATORS, "operator@almoner.test", "admins"),
    ):
        asked = {"UserPoolId": pool_id, "Username": name, "GroupName": group}
        assert refused(admin.admin_add_user_to_group, **asked) == "ResourceNotFoundException"
    asked = {"UserPoolId": HARBOR, "Username": COUNSELOR, "GroupName": "admins"}
    for _ in range(2):
        admin.admin_add_user_to_group(**asked)
    listed = admin.admin_list_groups_for_user(UserPoolId=HARBOR, Username=COUNSELOR)["Groups"]
    assert [one["GroupName"] for one in listed] == ["admins", "counselors"]


def test_unknown_users_and_pools(admin: Any) -> None:
    """Administrators are told plainly who is not there."""
    for call, more in (
        (admin.admin_get_user, {}),
        (admin.admin_disable_user, {}),
        (admin.admin_enable_user, {}),
        (admin.admin_confirm_sign_up, {}),
        (admin.admin_set_user_password, {"Password": PASSWORD}),
        (admin.admin_add_user_to_group, {"GroupName": "admins"}),
    ):
        asked = {"Username": COUNSELOR, **more}
        assert refused(call, UserPoolId=SUMMIT, **asked) == "UserNotFoundException"
        assert refused(call, UserPoolId="us-east-1_Nowhere1", **asked) == (
            "ResourceNotFoundException"
        )


def test_a_sign_up_confirmed_by_an_administrator(provider: Running, admin: Any) -> None:
    """AdminConfirmSignUp makes the consumer that the code would have made."""
    provider.aws(HARBOR).sign_up(ClientId="almonerweb", Username=MAIL, Password=PASSWORD)
    admin.admin_confirm_sign_up(UserPoolId=HARBOR, Username=MAIL)
    found = admin.admin_list_groups_for_user(UserPoolId=HARBOR, Username=MAIL)["Groups"]

    assert [one["GroupName"] for one in found] == ["consumers"]
    assert provider.sign_in(MAIL)
    assert refused(admin.admin_confirm_sign_up, UserPoolId=HARBOR, Username=MAIL) == (
        "NotAuthorizedException"
    )


def test_a_sign_up_is_confirmed_by_an_administrators_password_too(
    provider: Running, admin: Any
) -> None:
    """Whichever way a sign-up is confirmed, there is a consumer then."""
    provider.aws(HARBOR).sign_up(ClientId="almonerweb", Username=MAIL, Password=PASSWORD)
    admin.admin_set_user_password(
        UserPoolId=HARBOR, Username=MAIL, Password="Another-Password-2", Permanent=True
    )
    found = admin.admin_list_groups_for_user(UserPoolId=HARBOR, Username=MAIL)["Groups"]

    assert [one["GroupName"] for one in found] == ["consumers"]
    assert provider.sign_in(MAIL, "Another-Password-2")


def test_users_are_listed_page_by_page(admin: Any) -> None:
    """Every user of the pool once, in whatever page size; filters as Cognito spells them."""
    names = sorted(f"user{number:02d}@harbor.test" for number in range(7))
    for name in names:
        admin.admin_create_user(UserPoolId=HARBOR, Username=name, MessageAction="SUPPRESS")
    pages = admin.get_paginator("list_users").paginate(
        UserPoolId=HARBOR, PaginationConfig={"PageSize": 3}
    )
    listed = [user for page in pages for user in page["Users"]]
    emails = [
        one["Value"] for user in listed for one in user["Attributes"] if one["Name"] == "email"
    ]
    assert emails == [COUNSELOR, *names]

    def filtered(text: str) -> int:
        found = admin.list_users(UserPoolId=HARBOR, Filter=text, AttributesToGet=["email"])["Users"]
        assert all({one["Name"] for one in user["Attributes"]} == {"email"} for user in found)
        return len(found)

    assert filtered('email = "USER03@harbor.test"') == 1
    assert filtered('"email"^="user"') == 7
    assert filtered(f'sub = "{SUBJECTS[COUNSELOR]}"') == 1
    assert filtered('cognito:user_status = "CONFIRMED"') == 1
    assert filtered('status = "Disabled"') == 0
    assert filtered('name = ""') == 0
    for bad in ('password = "x"', "email", 'email != "x"', 'email = "x'):
        assert refused(admin.list_users, UserPoolId=HARBOR, Filter=bad) == (
            "InvalidParameterException"
        )
    assert refused(admin.list_users, UserPoolId=HARBOR, PaginationToken="!") == (
        "InvalidParameterException"
    )


def test_an_unsigned_administrator_is_nobody(provider: Running) -> None:
    """What AWS wants signed is refused unsigned, so that no app comes to rely on it."""
    for operation in ("AdminCreateUser", "AdminSetUserPassword", "ListUsers"):
        answer = provider.call(operation, UserPoolId=HARBOR, Username=MAIL, Password=PASSWORD)
        assert (answer.status_code, answer.json()["__type"]) == (
            400,
            "MissingAuthenticationTokenException",
        )
