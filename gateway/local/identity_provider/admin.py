"""What an administrator of a pool does with its users."""

import base64
import binascii
import re
from typing import Any

from domain.actors import Group
from gateway.local.identity_provider.account import shown_factors
from gateway.local.identity_provider.accounts import create_user, shown_attributes
from gateway.local.identity_provider.call import Call, Message
from gateway.local.identity_provider.failures import forget_failures
from gateway.local.identity_provider.faults import Fault, FaultName, invalid, not_authorized
from gateway.local.identity_provider.limits import USERS_PER_PAGE_MAX
from gateway.local.identity_provider.passwords import check_policy, make_temporary
from gateway.local.identity_provider.sign_ins import sign_out_everywhere
from gateway.local.identity_provider.sign_up import let_in
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    add_to_group,
    find_user,
    remove_from_group,
    secrets_of,
    set_password,
    update_user,
    users_after,
)
from gateway.local.identity_provider.wire import (
    AdminCreateUser,
    AdminGroupCall,
    AdminSetUserPassword,
    AdminUserCall,
    ListUsers,
)

Answer = dict[str, Any]

_FILTER = re.compile(r'\s*"?([a-z_:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')
_FILTERED = frozenset(
    "username sub email phone_number name given_name family_name preferred_username"
    " cognito:user_status status".split()
)


def admin_create_user(call: Call, asked: AdminCreateUser) -> Answer:
    """Make a user with a temporary password, or send one who has not signed in yet another."""
    pool = call.pool(asked.user_pool_id)
    if asked.message_action not in (None, "RESEND", "SUPPRESS"):
        raise invalid("MessageAction is RESEND or SUPPRESS.")
    password = asked.temporary_password or make_temporary()
    check_policy(password)
    if asked.message_action == "RESEND":
        user = _user(call, asked)
        if user.status is not UserStatus.FORCE_CHANGE_PASSWORD:
            told = f"Resend not possible. {user.status} status is not FORCE_CHANGE_PASSWORD"
            raise Fault(FaultName.UNSUPPORTED_USER_STATE, told)
    else:
        user = create_user(
            call,
            pool,
            asked.username,
            asked.user_attributes,
            status=UserStatus.FORCE_CHANGE_PASSWORD,
            email_verified=False,
            taken="User account already exists",
        )
    set_password(call.connection, user, password, UserStatus.FORCE_CHANGE_PASSWORD, call.at)
    if asked.message_action != "SUPPRESS":
        call.messages.append(
            Message(kind="invitation", pool_id=pool.id, email=user.email, secret=password)
        )
    return {"User": _shown(_again(call, user), "Attributes")}


def admin_get_user(call: Call, asked: AdminUserCall) -> Answer:
    """Return a user as the pool knows them."""
    user = _user(call, asked)
    return _shown(user, "UserAttributes") | shown_factors(secrets_of(call.connection, user))


def admin_set_user_password(call: Call, asked: AdminSetUserPassword) -> Answer:
    """Set a password, for good or to be changed at the next sign-in."""
    user = _user(call, asked)
    check_policy(asked.password)
    status = UserStatus.CONFIRMED if asked.permanent else UserStatus.FORCE_CHANGE_PASSWORD
    if user.status is UserStatus.UNCONFIRMED:  # which confirms a sign-up, as its code would
        add_to_group(call.connection, user.pool_id, user.subject, Group.CONSUMERS)
    set_password(call.connection, user, asked.password, status, call.at)
    forget_failures(call.connection, user.pool_id, user.subject)
    return {}


def admin_confirm_sign_up(call: Call, asked: AdminUserCall) -> Answer:
    """Let a new user in without their code."""
    user = _user(call, asked)
    if user.status is not UserStatus.UNCONFIRMED:
        raise not_authorized(f"User cannot be confirmed. Current status is {user.status}")
    let_in(call, user)
    return {}


def admin_add_user_to_group(call: Call, asked: AdminGroupCall) -> Answer:
    """Put a user into one of the pool's groups."""
    user, group = _user(call, asked), _group(call, asked)
    add_to_group(call.connection, user.pool_id, user.subject, group)
    return {}


def admin_remove_user_from_group(call: Call, asked: AdminGroupCall) -> Answer:
    """Take a user out of one of the pool's groups."""
    user, group = _user(call, asked), _group(call, asked)
    remove_from_group(call.connection, user.pool_id, user.subject, group)
    return {}


def admin_list_groups_for_user(call: Call, asked: AdminUserCall) -> Answer:
    """Return the groups that a user is in."""
    user = _user(call, asked)
    return {
        "Groups": [{"GroupName": group.value, "UserPoolId": user.pool_id} for group in user.groups]
    }


def admin_disable_user(call: Call, asked: AdminUserCall) -> Answer:
    """Let a user in no more, and end what tokens they have."""
    user = _user(call, asked)
    update_user(call.connection, user, call.at, enabled=False)
    sign_out_everywhere(call, user)
    return {}


def admin_enable_user(call: Call, asked: AdminUserCall) -> Answer:
    """Let a user in again; the tokens from before stay ended."""
    update_user(call.connection, _user(call, asked), call.at, enabled=True)
    return {}


def admin_user_global_sign_out(call: Call, asked: AdminUserCall) -> Answer:
    """End all sign-ins of a user."""
    sign_out_everywhere(call, _user(call, asked))
    return {}


def list_users(call: Call, asked: ListUsers) -> Answer:
    """Return a page of the pool's users, by address."""
    pool = call.pool(asked.user_pool_id)
    size = asked.limit or USERS_PER_PAGE_MAX
    after = "" if asked.pagination_token is None else _read_page(asked.pagination_token)
    wanted = _read_filter(asked.filter)
    found = [user for user in users_after(call.connection, pool.id, after) if _fits(user, wanted)]
    page = [_shown(user, "Attributes") for user in found[:size]]
    if asked.attributes_to_get is not None:
        for shown in page:
            shown["Attributes"] = [
                one for one in shown["Attributes"] if one["Name"] in asked.attributes_to_get
            ]
    if len(found) <= size:
        return {"Users": page}
    last = base64.urlsafe_b64encode(found[size - 1].email.encode()).decode()
    return {"Users": page, "PaginationToken": last}


def _user(call: Call, asked: AdminUserCall) -> User:
    user = find_user(call.connection, call.pool(asked.user_pool_id).id, asked.username)
    if user is None:
        raise Fault(FaultName.USER_NOT_FOUND, "User does not exist.")
    return user


def _again(call: Call, user: User) -> User:
    found = find_user(call.connection, user.pool_id, user.subject)
    assert found is not None
    return found


def _group(call: Call, asked: AdminGroupCall) -> Group:
    groups = {group.value: group for group in call.pool(asked.user_pool_id).groups}
    if asked.group_name not in groups:
        raise Fault(FaultName.RESOURCE_NOT_FOUND, "Group not found.")
    return groups[asked.group_name]


def _shown(user: User, attributes: str) -> Answer:
    return {
        "Username": user.subject,
        attributes: shown_attributes(user),
        "UserCreateDate": round(user.created_at.timestamp(), 3),
        "UserLastModifiedDate": round(user.updated_at.timestamp(), 3),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


def _read_page(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise invalid("PaginationToken is not one that this pool gave.") from error


def _read_filter(text: str | None) -> tuple[str, str, str] | None:
    """Return attribute, operator and value of a filter; None for one that lets all through."""
    if text is None or not text.strip():
        return None
    found = _FILTER.fullmatch(text)
    if found is None or found[1] not in _FILTERED:
        raise invalid(
            'Filter is spelled like email ^= "a", over an attribute that can be searched.'
        )
    return found[1], found[2], re.sub(r"\\(.)", r"\1", found[3])


def _fits(user: User, wanted: tuple[str, str, str] | None) -> bool:
    if wanted is None:
        return True
    name, operator, value = wanted
    every = {
        **user.attributes,
        "username": user.subject,
        "sub": user.subject,
        "email": user.email,
        "cognito:user_status": user.status.value,
        "status": "Enabled" if user.enabled else "Disabled",
    }
    held = every.get(name, "")
    if operator == "^=":
        return name in every and held.casefold().startswith(value.casefold())
    return name in every and held.casefold() == value.casefold()
