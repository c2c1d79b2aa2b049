"""What several operations do with a user: their attributes, their address, how they are shown."""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.faults import Fault, FaultName, invalid
from gateway.local.identity_provider.limits import USERS_PER_POOL_MAX
from gateway.local.identity_provider.pools import UserPool
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    add_user,
    count_users,
    find_user,
    normal,
)
from gateway.local.identity_provider.wire import Attribute
from tenants.sqlite.sqlcipher import IntegrityError

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*")
_KNOWN = frozenset(
    "address birthdate family_name gender given_name locale middle_name name nickname phone_number"
    " picture preferred_username profile website zoneinfo".split()
)
_CUSTOM = re.compile(r"custom:[A-Za-z0-9_-]{1,20}")


def create_user(
    call: Call,
    pool: UserPool,
    email: str,
    attributes: Sequence[Attribute],
    *,
    status: UserStatus,
    email_verified: bool,
    taken: str,
) -> User:
    """Add a user to the pool and return them; raises a Fault (`taken`) where there is one."""
    if _EMAIL.fullmatch(email) is None or not email.isprintable():  # it is shown on a console
        raise invalid("Username should be an email.")
    given = read_attributes(attributes)
    if normal(given.pop("email", email)) != normal(email):
        raise invalid("The attribute email is another address than the username.")
    verified = given.pop("email_verified", str(email_verified).lower())
    user = User(
        pool_id=pool.id,
        subject=str(uuid.uuid4()),
        email=normal(email),
        groups=(),
        agency=pool.agency,
        email_verified=verified.lower() == "true",
        attributes=given,
        status=status,
        created_at=call.at,
        updated_at=call.at,
    )
    if find_user(call.connection, pool.id, email) is not None:
        raise Fault(FaultName.USERNAME_EXISTS, taken)
    if count_users(call.connection, pool.id) >= USERS_PER_POOL_MAX:
        told = f"The pool has {USERS_PER_POOL_MAX} users, which is as many as it takes."
        raise Fault(FaultName.LIMIT_EXCEEDED, told)
    try:
        add_user(call.connection, user, call.at)
    except IntegrityError as error:
        raise Fault(FaultName.USERNAME_EXISTS, taken) from error
    return user


def read_attributes(attributes: Sequence[Attribute]) -> dict[str, str]:
    """Return the attributes by name; raises a Fault for one that no pool here has."""
    given = {one.name: one.value for one in attributes}
    for name in given:
        if name in ("email", "email_verified") or name in _KNOWN or _CUSTOM.fullmatch(name):
            continue
        raise invalid(f"Attributes did not conform to the schema: {name}: Attribute does not exist")
    return given


def shown_attributes(user: User) -> list[dict[str, str]]:
    """Return a user's attributes as the API lists them."""
    every = {
        "sub": user.subject,
        "email": user.email,
        "email_verified": str(user.email_verified).lower(),
        **user.attributes,
    }
    return [{"Name": name, "Value": value} for name, value in every.items()]


def delivery(email: str) -> Mapping[str, Any]:
    """Return where a code went, as far as it is shown: to whom there is, and to nobody alike."""
    local, _, domain = email.partition("@")
    return {
        "CodeDeliveryDetails": {
            "AttributeName": "email",
            "DeliveryMedium": "EMAIL",
            "Destination": f"{local[:1]}***@{domain[:1] or '*'}***",
        }
    }
