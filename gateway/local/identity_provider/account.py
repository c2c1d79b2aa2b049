"""What somebody who is signed in does with their own account: read it, secure it."""

from typing import Any

from gateway.local.identity_provider.accounts import shown_attributes
from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.failures import count_failure, demand_unlocked, forget_failures
from gateway.local.identity_provider.faults import Fault, FaultName, invalid, not_authorized
from gateway.local.identity_provider.passwords import check_policy
from gateway.local.identity_provider.srp import is_password
from gateway.local.identity_provider.tokens import user_of_access_token
from gateway.local.identity_provider.totp import make_totp_secret, use_code
from gateway.local.identity_provider.users import (
    Secrets,
    User,
    secrets_of,
    set_password,
    update_user,
)
from gateway.local.identity_provider.wire import (
    AccessTokenCall,
    AssociateSoftwareToken,
    ChangePassword,
    SetUserMFAPreference,
    VerifySoftwareToken,
)

Answer = dict[str, Any]

SOFTWARE_TOKEN = "SOFTWARE_TOKEN_MFA"  # noqa: S105 - a factor's name


def get_user(call: Call, asked: AccessTokenCall) -> Answer:
    """Return who asks, as the pool knows them."""
    user = user_of_access_token(call, asked.access_token)
    shown = {"Username": user.subject, "UserAttributes": shown_attributes(user)}
    return shown | shown_factors(secrets_of(call.connection, user))


def shown_factors(secrets: Secrets) -> Answer:
    """Return the second factors as the API lists them."""
    if not secrets.has_totp:
        return {}
    return {"PreferredMfaSetting": SOFTWARE_TOKEN, "UserMFASettingList": [SOFTWARE_TOKEN]}


def change_password(call: Call, asked: ChangePassword) -> Answer:
    """Set another password for who knows the present one."""
    user = user_of_access_token(call, asked.access_token)
    demand_unlocked(call.connection, user.pool_id, user.subject, call.at)
    kept = secrets_of(call.connection, user).verifier
    if kept is None or not is_password(user.pool_id, user.subject, asked.previous_password, kept):
        count_failure(call.connection, user.pool_id, user.subject, call.at)
        raise not_authorized()
    check_policy(asked.proposed_password)
    set_password(call.connection, user, asked.proposed_password, user.status, call.at)
    forget_failures(call.connection, user.pool_id, user.subject)
    return {}


def associate_software_token(call: Call, asked: AssociateSoftwareToken) -> Answer:
    """Make a secret for an authenticator app; the one before counts until this one is verified."""
    user = _signed_in(call, asked.access_token)
    secret = make_totp_secret()
    update_user(call.connection, user, call.at, totp_pending=secret)
    return {"SecretCode": secret}


def verify_software_token(call: Call, asked: VerifySoftwareToken) -> Answer:
    """Take the proof that the app has the secret."""
    user = _signed_in(call, asked.access_token)
    demand_unlocked(call.connection, user.pool_id, user.subject, call.at)
    pending = secrets_of(call.connection, user).totp_pending
    if pending is None:
        told = "User has not set up software token mfa."
        raise Fault(FaultName.SOFTWARE_TOKEN_MFA_NOT_FOUND, told)
    if not use_code(call, user, pending, asked.user_code, last_step=0):
        count_failure(call.connection, user.pool_id, user.subject, call.at)
        told = "Code mismatch and fail enable Software Token MFA"
        raise Fault(FaultName.ENABLE_SOFTWARE_TOKEN_MFA, told)
    update_user(
        call.connection,
        user,
        call.at,
        totp_secret=pending,
        totp_pending=None,
        totp_device=asked.friendly_device_name,
    )
    return {"Status": "SUCCESS"}


def set_user_mfa_preference(call: Call, asked: SetUserMFAPreference) -> Answer:
    """Say whether signing in asks for the app's code from now on."""
    user = user_of_access_token(call, asked.access_token)
    for other in (asked.sms_mfa_settings, asked.email_mfa_settings):
        if other is not None and other.enabled:
            raise invalid("This pool has authenticator apps as a second factor, and no other.")
    wanted = asked.software_token_mfa_settings
    if wanted is not None:
        if wanted.enabled and secrets_of(call.connection, user).totp_secret is None:
            raise invalid("User has not verified software token mfa")
        update_user(call.connection, user, call.at, totp_preferred=wanted.enabled)
    return {}


def _signed_in(call: Call, access_token: str | None) -> User:
    if access_token is None:  # a session stands for one only where a pool demands a second factor
        raise invalid("AccessToken is needed: no pool here asks for MFA_SETUP.")
    return user_of_access_token(call, access_token)
