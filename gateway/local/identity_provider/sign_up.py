"""SignUp and what follows it: a person makes themself a consumer of an agency.

The operators' pool takes nobody by themself. What confirms is a code, which goes to the console.
"""

from typing import Any

from domain.actors import Group
from gateway.local.identity_provider.accounts import create_user, delivery
from gateway.local.identity_provider.call import Call, Message
from gateway.local.identity_provider.codes import check_code, forget_code, make_code
from gateway.local.identity_provider.faults import Fault, FaultName, invalid, not_authorized
from gateway.local.identity_provider.passwords import check_policy
from gateway.local.identity_provider.pools import UserPool
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    add_to_group,
    normal,
    set_password,
    update_user,
)
from gateway.local.identity_provider.wire import ConfirmSignUp, NameCall, SignUp

Answer = dict[str, Any]


def sign_up(call: Call, asked: SignUp) -> Answer:
    """Take a new user, who cannot sign in before they have confirmed their address."""
    pool = _pool_for(call, asked)
    if pool.agency is None:
        raise not_authorized("SignUp is not permitted for this user pool")
    check_policy(asked.password)
    user = create_user(
        call,
        pool,
        asked.username,
        # Whether the address is theirs is what the code is for.
        [one for one in asked.user_attributes if one.name != "email_verified"],
        status=UserStatus.UNCONFIRMED,
        email_verified=False,
        taken="User already exists",
    )
    set_password(call.connection, user, asked.password, UserStatus.UNCONFIRMED, call.at)
    _send(call, pool, user)
    shown = {"UserConfirmed": False, "UserSub": user.subject}
    return shown | dict(delivery(user.email))


def confirm_sign_up(call: Call, asked: ConfirmSignUp) -> Answer:
    """Let a new user in, as a consumer."""
    pool, user = call.pool_of_name(asked.client_id, asked.username)
    if user is None or not user.enabled:
        told = "Invalid verification code provided, please try again."
        raise Fault(FaultName.CODE_MISMATCH, told)
    if user.status is not UserStatus.UNCONFIRMED:
        raise not_authorized(f"User cannot be confirmed. Current status is {user.status}")
    check_code(call.connection, pool, user.subject, "sign-up", asked.confirmation_code, call.at)
    forget_code(call.connection, pool, user.subject, "sign-up")
    let_in(call, user)
    return {}


def let_in(call: Call, user: User) -> None:
    """Confirm a sign-up: the address is theirs, and they are a consumer."""
    update_user(
        call.connection, user, call.at, status=UserStatus.CONFIRMED.value, email_verified=True
    )
    add_to_group(call.connection, user.pool_id, user.subject, Group.CONSUMERS)


def resend_confirmation_code(call: Call, asked: NameCall) -> Answer:
    """Send another code to who has not confirmed; nobody is told alike."""
    pool, user = call.pool_of_name(asked.client_id, asked.username)
    if user is not None and user.status is not UserStatus.UNCONFIRMED:
        raise invalid("User is already confirmed.")
    if user is None or not user.enabled:
        who = pool.made_up_user(normal(asked.username))[0]
        make_code(call.connection, pool, who, "sign-up", call.at)
    else:
        _send(call, pool, user)
    return dict(delivery(normal(asked.username) if user is None else user.email))


def _send(call: Call, pool: UserPool, user: User) -> None:
    code = make_code(call.connection, pool, user.subject, "sign-up", call.at)
    call.messages.append(Message(kind="sign-up", pool_id=pool.id, email=user.email, secret=code))


def _pool_for(call: Call, asked: SignUp) -> UserPool:
    """Return the pool to sign up with; nothing is guessed where several could be meant."""
    candidates = call.pools_of_client(asked.client_id)
    pool, user = call.pool_of_name(asked.client_id, asked.username)
    if len(candidates) == 1 or user is not None:
        return pool
    found = call.pool_of_domain(candidates, asked.username)
    if found is None:
        others = next((one for one in candidates if one.agency is not None), candidates[0])
        raise invalid(
            f"Several pools have the app client {asked.client_id}: send the call to the address "
            f"of the pool that is meant, such as {call.base_url}/{others.id}"
        )
    return found
