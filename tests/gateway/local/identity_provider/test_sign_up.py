"""Becoming a consumer by oneself, and getting a forgotten password back."""

import itertools
from typing import Any

import jwt
import pytest

from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    OPERATORS,
    PASSWORD,
    SUMMIT,
    Running,
)

MAIL = "new@harbor.test"
MISMATCH = "CodeMismatchException"


def named(provider: Running, operation: str, name: str = MAIL, **others: Any) -> Any:
    return provider.call(operation, ClientId=CLIENT, Username=name, **others)


def begin(provider: Running, name: str = MAIL) -> str:
    """Sign up and return the code."""
    assert named(provider, "SignUp", name, Password=PASSWORD).status_code == 200
    return provider.secret_sent_to(name)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_confirmed_sign_up_is_a_consumer_and_no_one_else(provider: Running) -> None:
    """Nobody signs in before the code; after it their tokens have the group consumers."""
    code = begin(provider)
    assert provider.password_auth(MAIL)["__type"] == "UserNotConfirmedException"
    assert provider.password_auth(MAIL, "Wrong-Password-1")["__type"] == "NotAuthorizedException"
    done = named(provider, "ConfirmSignUp", ConfirmationCode=code)
    assert (done.status_code, done.json()) == (200, {})

    claims = jwt.decode(provider.sign_in(MAIL)["IdToken"], options={"verify_signature": False})
    assert claims["cognito:groups"] == ["consumers"]
    assert (claims["email"], claims["email_verified"]) == (MAIL, True)
    again = named(provider, "ConfirmSignUp", ConfirmationCode=code)
    assert again.json()["message"] == "User cannot be confirmed. Current status is CONFIRMED"
    assert named(provider, "ResendConfirmationCode").json()["__type"] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"Username": "nobody"}, "InvalidParameterException"),
        ({"Username": "a b@c.test"}, "InvalidParameterException"),
        ({"Username": "new@harbor.test\n"}, "InvalidParameterException"),
        ({"Username": "\x1b[2J@harbor.test"}, "InvalidParameterException"),
        ({"Username": COUNSELOR}, "UsernameExistsException"),
        ({"Username": COUNSELOR.upper()}, "UsernameExistsException"),
        ({"Password": "short-1A"[:7]}, "InvalidPasswordException"),
        ({"Password": "almoner-demo-1"}, "InvalidPasswordException"),
        ({"Password": "ALMONER-DEMO-1"}, "InvalidPasswordException"),
        ({"Password": "Almoner-Demo-x"}, "InvalidPasswordException"),
        ({"Password": "AlmonerDemo1"}, "InvalidPasswordException"),
        ({"Password": "Aa1-" * 65}, "InvalidParameterException"),
        ({"UserAttributes": [{"Name": "sub", "Value": "x"}]}, "InvalidParameterException"),
        ({"UserAttributes": [{"Name": "groups", "Value": "x"}]}, "InvalidParameterException"),
        ({"UserAttributes": [{"Name": "email", "Value": "b@c.test"}]}, "InvalidParameterException"),
        ({"UserAttributes": [{"Name": "name", "Value": "x" * 2049}]}, "InvalidParameterException"),
        ({"UserAttributes": [{"Name": "name", "Value": ""}] * 51}, "InvalidParameterException"),
    ],
)  # fmt: skip
def test_bad_sign_ups_are_refused(provider: Running, asked: dict[str, Any], name: str) -> None:
    """Names are addresses, passwords follow the policy, attributes are those of a pool."""
    asked = {"ClientId": CLIENT, "Username": MAIL, "Password": PASSWORD} | asked
    answer = provider.call("SignUp", **asked)

    assert (answer.status_code, answer.json()["__type"]) == (400, name)
    assert provider.messages == []


def test_the_address_is_not_verified_by_saying_so(provider: Running) -> None:
    """email_verified is for the code to say, and groups for an administrator."""
    attributes = [{"Name": "email_verified", "Value": "true"}, {"Name": "custom:x", "Value": "y"}]
    named(provider, "SignUp", Password=PASSWORD, UserAttributes=attributes)
    admin = provider.aws(signed=True)
    found = admin.admin_get_user(UserPoolId=HARBOR, Username=MAIL)
    shown = {one["Name"]: one["Value"] for one in found["UserAttributes"]}

    assert (shown["email_verified"], shown["custom:x"]) == ("false", "y")
    assert admin.admin_list_groups_for_user(UserPoolId=HARBOR, Username=MAIL)["Groups"] == []


def test_codes_end_and_can_be_tried_a_few_times_alone(provider: Running) -> None:
    """Five wrong tries spend a code; a new one replaces the last; a day ends it."""
    code = begin(provider)
    for _ in range(5):
        answer = named(provider, "ConfirmSignUp", ConfirmationCode=wrong(code))
        assert answer.json()["__type"] == MISMATCH
    spent = named(provider, "ConfirmSignUp", ConfirmationCode=code)
    assert spent.json()["__type"] == "LimitExceededException"

    named(provider, "ResendConfirmationCode")
    newer = provider.secret_sent_to(MAIL)
    provider.clock.turn(24 * 3600 + 1)
    late = named(provider, "ConfirmSignUp", ConfirmationCode=newer)
    assert late.json()["__type"] == "ExpiredCodeException"
    named(provider, "ResendConfirmationCode")
    newest = provider.secret_sent_to(MAIL)
    assert named(provider, "ConfirmSignUp", ConfirmationCode=newest).status_code == 200


@pytest.mark.parametrize("operation", ["ResendConfirmationCode", "ForgotPassword"])
def test_only_a_few_codes_an_hour(provider: Running, operation: str) -> None:
    """Nobody's mailbox is filled: five an hour, for who there is and who there is not."""
    provider.clock.stop()
    if operation == "ResendConfirmationCode":
        begin(provider)
        begun, known = 1, MAIL
    else:
        begun, known = 0, COUNSELOR
    for name, sent in ((known, begun), ("nobody@harbor.test", 0)):
        answers = [named(provider, operation, name).status_code for _ in range(6 - sent)]
        assert answers == [200] * (5 - sent) + [400]
    provider.clock.turn(3601)
    assert named(provider, operation, known).status_code == 200


def test_nobody_is_told_apart_from_somebody(provider: Running) -> None:
    """Codes are said to be sent to whomever is named, and any code for them is a wrong one."""
    nobody = "nobody@harbor.test"
    for operation in ("ResendConfirmationCode", "ForgotPassword"):
        details = named(provider, operation, nobody).json()["CodeDeliveryDetails"]
        assert details == {
            "AttributeName": "email",
            "DeliveryMedium": "EMAIL",
            "Destination": "n***@h***",
        }
    begin(provider)
    for name in (nobody, MAIL):  # who has not confirmed has no address to recover by
        named(provider, "ForgotPassword", name)
        answer = named(
            provider,
            "ConfirmForgotPassword",
            name,
            ConfirmationCode="000000",
            Password=PASSWORD,
        )
        assert answer.json()["__type"] == MISMATCH
    unknown = named(provider, "ConfirmSignUp", nobody, ConfirmationCode="000000")
    assert unknown.json()["__type"] == MISMATCH
    assert [message.kind for message in provider.messages] == ["sign-up"]


def test_a_forgotten_password_is_replaced(provider: Running) -> None:
    """By the code alone, once, within an hour; a lock ends with it."""
    for _ in range(6):
        provider.password_auth(COUNSELOR, "Wrong-Password-1")
    named(provider, "ForgotPassword", COUNSELOR)
    code = provider.secret_sent_to(COUNSELOR)

    def confirm(code: str, password: str = "Another-Password-2") -> Any:
        return named(
            provider,
            "ConfirmForgotPassword",
            COUNSELOR,
            ConfirmationCode=code,
            Password=password,
        ).json()

    assert confirm(wrong(code))["__type"] == MISMATCH
    assert confirm(code, "nothing")["__type"] == "InvalidPasswordException"
    assert confirm(code) == {}
    assert confirm(code)["__type"] == "ExpiredCodeException"
    assert provider.sign_in(password="Another-Password-2")

    named(provider, "ForgotPassword", COUNSELOR)
    provider.clock.turn(3601)
    assert confirm(provider.secret_sent_to(COUNSELOR))["__type"] == "ExpiredCodeException"


def test_only_who_has_a_verified_address_recovers_by_it(provider: Running) -> None:
    """No code goes to who is shut out, nor to an address that nobody has shown to be theirs."""
    admin = provider.aws(signed=True)
    admin.admin_create_user(UserPoolId=HARBOR, Username=MAIL, MessageAction="SUPPRESS")
    admin.admin_set_user_password(
        UserPoolId=HARBOR, Username=MAIL, Password=PASSWORD, Permanent=True
    )
    admin.admin_disable_user(UserPoolId=HARBOR, Username=COUNSELOR)
    for name in (MAIL, COUNSELOR):
        answer = named(provider, "ForgotPassword", name)
        assert answer.json()["CodeDeliveryDetails"]["AttributeName"] == "email"
    assert provider.messages == []


def test_a_code_is_for_what_it_was_sent_for(provider: Running) -> None:
    """A sign-up's code recovers nothing, and nobody else's account."""
    code = begin(provider)
    other = begin(provider, "other@harbor.test")
    if code == other:  # one in a million
        pytest.skip("two equal codes by chance")
    answer = named(provider, "ConfirmSignUp", ConfirmationCode=other)
    assert answer.json()["__type"] == MISMATCH
    named(provider, "ForgotPassword", COUNSELOR)
    recovery = provider.secret_sent_to(COUNSELOR)
    for name, given in itertools.product((MAIL, "other@harbor.test"), (recovery,)):
        answer = named(provider, "ConfirmSignUp", name, ConfirmationCode=given)
        assert answer.json()["__type"] == MISMATCH


def test_where_a_sign_up_goes(provider: Running) -> None:
    """To the pool of the address that is called, or of its mail domain; nothing is guessed."""
    guessed = named(provider, "SignUp", "new@people.test", Password=PASSWORD).json()
    assert guessed["__type"] == "InvalidParameterException"
    assert f"{provider.url}/{HARBOR}" in guessed["message"]

    for pool_id in (HARBOR, SUMMIT):
        client = provider.aws(pool_id)
        client.sign_up(ClientId=CLIENT, Username="new@people.test", Password=PASSWORD)
        client.confirm_sign_up(
            ClientId=CLIENT,
            Username="new@people.test",
            ConfirmationCode=provider.secret_sent_to("new@people.test"),
        )
    both = provider.password_auth("new@people.test")
    assert both["__type"] == "InvalidParameterException"
    assert "Several pools" in both["message"]
    begin(provider, "new@summit.test")
    assert provider.messages[-1].pool_id == SUMMIT


def test_nobody_becomes_an_operator_by_themselves(provider: Running) -> None:
    """The operators' pool takes no sign-ups, at its own address or by its domain."""
    for at in (f"/{OPERATORS}", "/"):
        answer = provider.call(
            "SignUp", at=at, ClientId=CLIENT, Username="new@almoner.test", Password=PASSWORD
        ).json()
        assert answer == {
            "__type": "NotAuthorizedException",
            "message": "SignUp is not permitted for this user pool",
        }
