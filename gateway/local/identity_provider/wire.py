"""What calls may say: a type and a limit for each member that is read. Others are passed over.

The lengths and the alphabets are those of Cognito's API model. No value is shown by its `repr`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.local.identity_provider.limits import (
    ATTRIBUTE_NAME_CHARACTERS_MAX,
    ATTRIBUTES_MAX,
    CLIENT_ID_CHARACTERS_MAX,
    CODE_DIGITS,
    FILTER_CHARACTERS_MAX,
    GROUP_CHARACTERS_MAX,
    PARAMETERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    POOL_ID_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TOKEN_CHARACTERS_MAX,
    USERNAME_CHARACTERS_MAX,
    USERS_PER_PAGE_MAX,
)

ClientId = Annotated[
    str, Meta(min_length=1, max_length=CLIENT_ID_CHARACTERS_MAX, pattern=r"^[\w+]+\Z")
]
PoolId = Annotated[
    str, Meta(min_length=1, max_length=POOL_ID_CHARACTERS_MAX, pattern=r"^[\w-]+_[0-9a-zA-Z]+\Z")
]
Name = Annotated[str, Meta(min_length=1, max_length=USERNAME_CHARACTERS_MAX, pattern=r"^\S+\Z")]
Password = Annotated[str, Meta(min_length=1, max_length=PASSWORD_CHARACTERS_MAX)]
Token = Annotated[
    str, Meta(min_length=1, max_length=TOKEN_CHARACTERS_MAX, pattern=r"^[A-Za-z0-9\-_=.]+\Z")
]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Code = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX, pattern=r"^\S+\Z")]
GroupName = Annotated[str, Meta(min_length=1, max_length=GROUP_CHARACTERS_MAX)]
Parameters = Annotated[
    dict[
        Annotated[str, Meta(max_length=USERNAME_CHARACTERS_MAX)],
        Annotated[str, Meta(max_length=TOKEN_CHARACTERS_MAX)],
    ],
    Meta(max_length=PARAMETERS_MAX),
]


class Asked(msgspec.Struct, rename="pascal", kw_only=True):
    """The body of a call. It may hold a password: its repr says only which call it is."""

    def __repr__(self) -> str:
        return type(self).__name__


class Attribute(Asked):
    """A user's attribute."""

    name: Annotated[str, Meta(min_length=1, max_length=ATTRIBUTE_NAME_CHARACTERS_MAX)]
    value: Text = ""


Attributes = Annotated[list[Attribute], Meta(max_length=ATTRIBUTES_MAX)]


class InitiateAuth(Asked):
    """Begin to sign in, or refresh."""

    auth_flow: Text
    client_id: ClientId
    auth_parameters: Parameters = {}


class RespondToAuthChallenge(Asked):
    """Answer a challenge."""

    challenge_name: Text
    client_id: ClientId
    challenge_responses: Parameters = {}
    session: Text | None = None


class GetTokensFromRefreshToken(Asked):
    """Refresh, as newer clients do."""

    client_id: ClientId
    refresh_token: Token


class RevokeToken(Asked):
    """End a sign-in by its refresh token."""

    client_id: ClientId
    token: Token


class AccessTokenCall(Asked):
    """GetUser and GlobalSignOut."""

    access_token: Token


class ChangePassword(Asked):
    """Another password, by who knows the present one."""

    access_token: Token
    previous_password: Password
    proposed_password: Password


class AssociateSoftwareToken(Asked):
    """A new secret for an authenticator app."""

    access_token: Token | None = None


class VerifySoftwareToken(Asked):
    """The proof that the authenticator app has the secret."""

    user_code: Annotated[str, Meta(pattern=rf"^[0-9]{{{CODE_DIGITS}}}\Z")]
    access_token: Token | None = None
    friendly_device_name: Text | None = None


class MfaSettings(Asked):
    """Whether a second factor is asked for, and whether it is the first choice."""

    enabled: bool = False
    preferred_mfa: bool = False


class SetUserMFAPreference(Asked):
    """Which second factor is asked for."""

    access_token: Token
    software_token_mfa_settings: MfaSettings | None = None
    sms_mfa_settings: MfaSettings | None = msgspec.field(name="SMSMfaSettings", default=None)
    email_mfa_settings: MfaSettings | None = None


class SignUp(Asked):
    """A new user, by themselves."""

    client_id: ClientId
    username: Name
    password: Password
    user_attributes: Attributes = []


class ConfirmSignUp(Asked):
    """The code that a new user was sent."""

    client_id: ClientId
    username: Name
    confirmation_code: Code


class NameCall(Asked):
    """ResendConfirmationCode and ForgotPassword."""

    client_id: ClientId
    username: Name


class ConfirmForgotPassword(Asked):
    """The code that somebody was sent who forgot their password, and the new one."""

    client_id: ClientId
    username: Name
    confirmation_code: Code
    password: Password


class AdminUserCall(Asked):
    """What an administrator does to a user and has nothing more to say about."""

    user_pool_id: PoolId
    username: Name


class AdminCreateUser(AdminUserCall):
    """A new user, by an administrator."""

    user_attributes: Attributes = []
    temporary_password: Password | None = None
    message_action: Text | None = None


class AdminSetUserPassword(AdminUserCall):
    """Another password, by an administrator."""

    password: Password
    permanent: bool = False


class AdminGroupCall(AdminUserCall):
    """AdminAddUserToGroup and AdminRemoveUserFromGroup."""

    group_name: GroupName


class ListUsers(Asked):
    """A page of the pool's users."""

    user_pool_id: PoolId
    filter: Annotated[str, Meta(max_length=FILTER_CHARACTERS_MAX)] | None = None
    limit: Annotated[int, Meta(ge=0, le=USERS_PER_PAGE_MAX)] | None = None
    pagination_token: Text | None = None
    attributes_to_get: Annotated[list[Text], Meta(max_length=ATTRIBUTES_MAX)] | None = None
