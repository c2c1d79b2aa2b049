"""ForgotPassword and ConfirmForgotPassword: a new password by a code, which goes to the console."""

from typing import Any

from gateway.local.identity_provider.accounts import delivery
from gateway.local.identity_provider.call import Call, Message
from gateway.local.identity_provider.codes import check_code, forget_code, make_code
from gateway.local.identity_provider.failures import forget_failures
from gateway.local.identity_provider.faults import Fault, FaultName
from gateway.local.identity_provider.passwords import check_policy
from gateway.local.identity_provider.users import User, UserStatus, normal, set_password
from gateway.local.identity_provider.wire import ConfirmForgotPassword, NameCall

Answer = dict[str, Any]


def forgot_password(call: Call, asked: NameCall) -> Answer:
    """Send a code to who can have a new password; everybody else is told the same."""
    pool, user = call.pool_of_name(asked.client_id, asked.username)
    if user is not None and _may_recover(user):
        code = make_code(call.connection, pool, user.subject, "recovery", call.at)
        call.messages.append(
            Message(kind="recovery", pool_id=pool.id, email=user.email, secret=code)
        )
    else:
        who = pool.made_up_user(normal(asked.username))[0]
        make_code(call.connection, pool, who, "recovery", call.at)
    return dict(delivery(normal(asked.username) if user is None else user.email))


def confirm_forgot_password(call: Call, asked: ConfirmForgotPassword) -> Answer:
    """Set the new password where the code is right."""
    pool, user = call.pool_of_name(asked.client_id, asked.username)
    check_policy(asked.password)
    is_theirs = user is not None and _may_recover(user)
    who = user.subject if user is not None and is_theirs else None
    who = who or pool.made_up_user(normal(asked.username))[0]
    check_code(call.connection, pool, who, "recovery", asked.confirmation_code, call.at)
    if user is None or not is_theirs:  # a code that nobody was sent, hit by chance
        told = "Invalid verification code provided, please try again."
        raise Fault(FaultName.CODE_MISMATCH, told)
    forget_code(call.connection, pool, who, "recovery")
    set_password(call.connection, user, asked.password, UserStatus.CONFIRMED, call.at)
    forget_failures(call.connection, pool.id, user.subject)
    return {}


def _may_recover(user: User) -> bool:
    return user.enabled and user.email_verified and user.status is UserStatus.CONFIRMED
