"""The operations that the provider knows: what each is asked with, and what carries it out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.local.identity_provider import (
    account,
    admin,
    authentication,
    recovery,
    sessions,
    sign_up,
    wire,
)
from gateway.local.identity_provider.call import Call

TARGET_PREFIX = "AWSCognitoIdentityProviderService."


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. is_signed: whether the real one wants the request signed by an AWS account."""

    asked: type[wire.Asked]
    carry_out: Callable[[Call, Any], dict[str, Any]]
    is_signed: bool = False


OPERATIONS: dict[str, Operation] = {
    "InitiateAuth": Operation(wire.InitiateAuth, authentication.initiate_auth),
    "RespondToAuthChallenge": Operation(
        wire.RespondToAuthChallenge, authentication.respond_to_auth_challenge
    ),
    "GetTokensFromRefreshToken": Operation(
        wire.GetTokensFromRefreshToken, sessions.get_tokens_from_refresh_token
    ),
    "RevokeToken": Operation(wire.RevokeToken, sessions.revoke_token),
    "GlobalSignOut": Operation(wire.AccessTokenCall, sessions.global_sign_out),
    "GetUser": Operation(wire.AccessTokenCall, account.get_user),
    "ChangePassword": Operation(wire.ChangePassword, account.change_password),
    "AssociateSoftwareToken": Operation(
        wire.AssociateSoftwareToken, account.associate_software_token
    ),
    "VerifySoftwareToken": Operation(wire.VerifySoftwareToken, account.verify_software_token),
    "SetUserMFAPreference": Operation(wire.SetUserMFAPreference, account.set_user_mfa_preference),
    "SignUp": Operation(wire.SignUp, sign_up.sign_up),
    "ConfirmSignUp": Operation(wire.ConfirmSignUp, sign_up.confirm_sign_up),
    "ResendConfirmationCode": Operation(wire.NameCall, sign_up.resend_confirmation_code),
    "ForgotPassword": Operation(wire.NameCall, recovery.forgot_password),
    "ConfirmForgotPassword": Operation(
        wire.ConfirmForgotPassword, recovery.confirm_forgot_password
    ),
    "AdminCreateUser": Operation(wire.AdminCreateUser, admin.admin_create_user, is_signed=True),
    "AdminGetUser": Operation(wire.AdminUserCall, admin.admin_get_user, is_signed=True),
    "AdminSetUserPassword": Operation(
        wire.AdminSetUserPassword, admin.admin_set_user_password, is_signed=True
    ),
    "AdminConfirmSignUp": Operation(
        wire.AdminUserCall, admin.admin_confirm_sign_up, is_signed=True
    ),
    "AdminAddUserToGroup": Operation(
        wire.AdminGroupCall, admin.admin_add_user_to_group, is_signed=True
    ),
    "AdminRemoveUserFromGroup": Operation(
        wire.AdminGroupCall, admin.admin_remove_user_from_group, is_signed=True
    ),
    "AdminListGroupsForUser": Operation(
        wire.AdminUserCall, admin.admin_list_groups_for_user, is_signed=True
    ),
    "AdminDisableUser": Operation(wire.AdminUserCall, admin.admin_disable_user, is_signed=True),
    "AdminEnableUser": Operation(wire.AdminUserCall, admin.admin_enable_user, is_signed=True),
    "AdminUserGlobalSignOut": Operation(
        wire.AdminUserCall, admin.admin_user_global_sign_out, is_signed=True
    ),
    "ListUsers": Operation(wire.ListUsers, admin.list_users, is_signed=True),
}
