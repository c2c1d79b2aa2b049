"""InitiateAuth and RespondToAuthChallenge: from a name to tokens, by way of challenges.

Every way asks the same in the same order: the password, a new one where it was temporary, the code
of the authenticator app. Names that nobody has are asked for a password too, and told the same.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from gateway.local.identity_provider import challenges, srp
from gateway.local.identity_provider.accounts import read_attributes
from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.challenges import (
    NEW_PASSWORD_REQUIRED,
    PASSWORD_VERIFIER,
    SOFTWARE_TOKEN_MFA,
    Challenge,
)
from gateway.local.identity_provider.failures import (
    count_failure,
    demand_unlocked,
    forget_failures,
)
from gateway.local.identity_provider.faults import Fault, FaultName, invalid, not_authorized
from gateway.local.identity_provider.limits import (
    CODE_DIGITS,
    PASSWORD_CHARACTERS_MAX,
    TEMPORARY_PASSWORD_SECONDS,
    USERNAME_CHARACTERS_MAX,
)
from gateway.local.identity_provider.passwords import check_policy
from gateway.local.identity_provider.pools import UserPool
from gateway.local.identity_provider.sessions import begin_session, refresh
from gateway.local.identity_provider.totp import CodeReused, use_code
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    find_user,
    normal,
    secrets_of,
    set_password,
    update_user,
)
from gateway.local.identity_provider.wire import Attribute, InitiateAuth, RespondToAuthChallenge

Answer = dict[str, Any]

_HEX = re.compile(r"[0-9A-Fa-f]{1,1024}")
_TIMESTAMP = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" \d{1,2} \d\d:\d\d:\d\d UTC \d{4}",
    re.ASCII,
)
_NEW_ATTRIBUTE = "userAttributes."


def initiate_auth(call: Call, asked: InitiateAuth) -> Answer:
    """Begin to sign in with a password, or refresh."""
    flow = _FLOWS.get(asked.auth_flow)
    if flow is None:
        raise invalid(f"{_shown(asked.auth_flow)} is not enabled for the client.")
    return flow(call, asked)


def respond_to_auth_challenge(call: Call, asked: RespondToAuthChallenge) -> Answer:
    """Go on with a sign-in, to tokens or to the next challenge."""
    respond = _CHALLENGES.get(asked.challenge_name)
    if respond is None:
        raise invalid(f"{_shown(asked.challenge_name)} is not a challenge of this pool.")
    return respond(call, asked)


def _begin_srp(call: Call, asked: InitiateAuth) -> Answer:
    name = _name(asked.auth_parameters)
    text = _demand(asked.auth_parameters, "SRP_A")
    if _HEX.fullmatch(text) is None:
        raise invalid("SRP_A should be a hexadecimal number.")
    client_value = int(text, 16)
    try:
        srp.check_public_value(client_value)
    except srp.BadPublicValue as error:
        raise invalid("SRP_A is not a value of the group.") from error
    pool, user = call.pool_of_name(asked.client_id, name)
    user_id, kept = _verifier(call, pool, user, name)
    demand_unlocked(call.connection, pool.id, user_id, call.at)
    exponent = srp.make_exponent()
    state = {
        "user_id": user_id,
        "name": name,
        "client_value": text,
        "exponent": format(exponent, "x"),
    }
    put = Challenge(kind=PASSWORD_VERIFIER, pool_id=pool.id, client_id=asked.client_id, state=state)
    block = challenges.put_challenge(call.connection, put, call.at)
    return {
        "ChallengeName": PASSWORD_VERIFIER,
        "ChallengeParameters": {
            "SALT": kept.salt_text,
            "SECRET_BLOCK": base64.b64encode(block).decode(),
            "SRP_B": format(srp.public_value(kept, exponent), "x"),
            "USERNAME": user_id,
            "USER_ID_FOR_SRP": user_id,
        },
    }


def _verify_srp(call: Call, asked: RespondToAuthChallenge) -> Answer:
    responses = asked.challenge_responses
    timestamp = _demand(responses, "TIMESTAMP")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
    claimed = _demand(responses, "PASSWORD_CLAIM_SIGNATURE")
    name = _name(responses)
    block = _handle(_demand(responses, "PASSWORD_CLAIM_SECRET_BLOCK"))
    put = _open_challenge(call, block, PASSWORD_VERIFIER, asked.client_id)
    state = put.state
    if not (name == state["user_id"] or normal(name) == normal(state["name"])):
        raise not_authorized()
    challenges.end_challenge(call.connection, block)
    pool = call.pool(put.pool_id)
    user = find_user(call.connection, pool.id, state["user_id"])
    user_id, kept = _verifier(call, pool, user, state["name"])
    demand_unlocked(call.connection, pool.id, user_id, call.at)
    try:
        expected = srp.expected_signature(
            pool_id=pool.id,
            user_id=user_id,
            kept=kept,
            exponent=int(state["exponent"], 16),
            client_value=int(state["client_value"], 16),
            secret_block=block,
            timestamp=timestamp,
        )
    except srp.BadPublicValue as error:
        raise not_authorized() from error
    holds = hmac.compare_digest(expected.encode(), claimed.encode())
    return _after_password(call, user if holds else None, user_id, pool, asked.client_id)


def _check_password(call: Call, asked: InitiateAuth) -> Answer:
    name = _name(asked.auth_parameters)
    password = _demand(asked.auth_parameters, "PASSWORD")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise not_authorized()
    pool, user = call.pool_of_name(asked.client_id, name)
    user_id, kept = _verifier(call, pool, user, name)
    demand_unlocked(call.connection, pool.id, user_id, call.at)
    holds = srp.is_password(pool.id, user_id, password, kept)
    return _after_password(call, user if holds else None, user_id, pool, asked.client_id)


def _after_password(
    call: Call, user: User | None, user_id: str, pool: UserPool, client_id: str
) -> Answer:
    """Go on with who knew the password (None: nobody did)."""
    if user is None:
        count_failure(call.connection, pool.id, user_id, call.at)
        raise not_authorized()
    if not user.enabled:
        raise not_authorized("User is disabled.")
    if user.status is UserStatus.UNCONFIRMED:
        raise Fault(FaultName.USER_NOT_CONFIRMED, "User is not confirmed.")
    secrets = secrets_of(call.connection, user)
    if user.status is UserStatus.FORCE_CHANGE_PASSWORD:
        ends = timedelta(seconds=TEMPORARY_PASSWORD_SECONDS)
        if secrets.password_set_at is None or secrets.password_set_at + ends < call.at:
            told = "Temporary password has expired and must be reset by an administrator."
            raise not_authorized(told)
        shown = {"email": user.email, "email_verified": str(user.email_verified).lower()}
        parameters = {
            "USER_ID_FOR_SRP": user.subject,
            "requiredAttributes": "[]",
            "userAttributes": json.dumps(shown | dict(user.attributes)),
        }
        return _challenge(call, user, client_id, NEW_PASSWORD_REQUIRED, parameters)
    return _after_new_password(call, user, client_id)


def _set_new_password(call: Call, asked: RespondToAuthChallenge) -> Answer:
    session, user = _session(call, asked, NEW_PASSWORD_REQUIRED)
    password = _demand(asked.challenge_responses, "NEW_PASSWORD")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise invalid(f"NEW_PASSWORD has at most {PASSWORD_CHARACTERS_MAX} characters.")
    check_policy(password)
    given = {
        name.removeprefix(_NEW_ATTRIBUTE): value
        for name, value in asked.challenge_responses.items()
        if name.startswith(_NEW_ATTRIBUTE)
    }
    known = read_attributes([Attribute(name=name, value=value) for name, value in given.items()])
    for name in ("email", "email_verified"):  # theirs already, and not theirs to say
        known.pop(name, None)
    set_password(call.connection, user, password, UserStatus.CONFIRMED, call.at)
    if known:
        kept = json.dumps(dict(user.attributes) | known)
        update_user(call.connection, user, call.at, attributes=kept)
    challenges.end_challenge(call.connection, session)
    return _after_new_password(call, _again(call, user), asked.client_id)


def _after_new_password(call: Call, user: User, client_id: str) -> Answer:
    secrets = secrets_of(call.connection, user)
    if not secrets.has_totp:
        return _signed_in(call, user, client_id)
    parameters = {"USER_ID_FOR_SRP": user.subject}
    if secrets.totp_device:
        parameters["FRIENDLY_DEVICE_NAME"] = secrets.totp_device
    return _challenge(call, user, client_id, SOFTWARE_TOKEN_MFA, parameters)


def _check_totp(call: Call, asked: RespondToAuthChallenge) -> Answer:
    session, user = _session(call, asked, SOFTWARE_TOKEN_MFA)
    demand_unlocked(call.connection, user.pool_id, user.subject, call.at)
    code = _demand(asked.challenge_responses, "SOFTWARE_TOKEN_MFA_CODE")
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        raise invalid(f"SOFTWARE_TOKEN_MFA_CODE has {CODE_DIGITS} digits.")
    secrets = secrets_of(call.connection, user)
    if secrets.totp_secret is None:
        raise not_authorized("Invalid session for the user.")
    try:
        holds = use_code(call, user, secrets.totp_secret, code, secrets.totp_step)
    except CodeReused as error:
        told = "Your software token has already been used once."
        raise Fault(FaultName.EXPIRED_CODE, told) from error
    if not holds:
        challenges.count_wrong_answer(call.connection, session)
        count_failure(call.connection, user.pool_id, user.subject, call.at)
        raise Fault(FaultName.CODE_MISMATCH, "Invalid code received for user")
    challenges.end_challenge(call.connection, session)
    return _signed_in(call, user, asked.client_id)


def _signed_in(call: Call, user: User, client_id: str) -> Answer:
    forget_failures(call.connection, user.pool_id, user.subject)
    return {"ChallengeParameters": {}, "AuthenticationResult": begin_session(call, user, client_id)}


def _refresh(call: Call, asked: InitiateAuth) -> Answer:
    token = _demand(asked.auth_parameters, "REFRESH_TOKEN")
    result = refresh(call, token, asked.client_id)
    return {"ChallengeParameters": {}, "AuthenticationResult": result}


def _challenge(
    call: Call, user: User, client_id: str, kind: str, parameters: dict[str, str]
) -> Answer:
    put = Challenge(
        kind=kind, pool_id=user.pool_id, client_id=client_id, state={"user_id": user.subject}
    )
    session = challenges.put_challenge(call.connection, put, call.at)
    return {
        "ChallengeName": kind,
        "Session": base64.b64encode(session).decode(),
        "ChallengeParameters": parameters,
    }


def _session(call: Call, asked: RespondToAuthChallenge, kind: str) -> tuple[bytes, User]:
    """Return the handle that was brought back, and whose challenge that is."""
    if not asked.session:
        raise invalid("Missing required parameter Session")
    handle = _handle(asked.session)
    put = _open_challenge(call, handle, kind, asked.client_id)
    user = find_user(call.connection, call.pool(put.pool_id).id, put.state["user_id"])
    if user is None or not user.enabled:
        raise not_authorized("User is disabled.")
    name = asked.challenge_responses.get("USERNAME", user.subject)
    if name != user.subject and normal(name) != user.email:
        raise not_authorized("Invalid session for the user.")
    return handle, user


def _open_challenge(call: Call, handle: bytes, kind: str, client_id: str) -> Challenge:
    put = challenges.find_challenge(call.connection, handle, call.at)
    fits = put is not None and put.kind == kind and put.client_id == client_id
    if put is None or not fits or call.pool_id not in (None, put.pool_id):
        raise not_authorized("Invalid session for the user, session is expired.")
    return put


def _verifier(
    call: Call, pool: UserPool, user: User | None, name: str
) -> tuple[str, srp.PasswordVerifier]:
    """Return what a password is checked against: for nobody, and without one, what none fits."""
    if user is None:
        return pool.made_up_user(normal(name))
    kept = secrets_of(call.connection, user).verifier
    return user.subject, kept or pool.made_up_user(user.email)[1]


def _again(call: Call, user: User) -> User:
    found = find_user(call.connection, user.pool_id, user.subject)
    assert found is not None
    return found


def _handle(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise not_authorized("Invalid session for the user.") from error


def _name(parameters: Mapping[str, str]) -> str:
    name = _demand(parameters, "USERNAME")
    if len(name) > USERNAME_CHARACTERS_MAX:
        raise invalid(f"USERNAME has at most {USERNAME_CHARACTERS_MAX} characters.")
    return name


def _demand(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise invalid(f"Missing required parameter {name}")
    return value


def _shown(name: str) -> str:
    return name[:32] if name.isascii() and name.isprintable() else "What was asked for"


_FLOWS: dict[str, Callable[[Call, InitiateAuth], Answer]] = {
    "USER_SRP_AUTH": _begin_srp,
    "USER_PASSWORD_AUTH": _check_password,
    "REFRESH_TOKEN_AUTH": _refresh,
    "REFRESH_TOKEN": _refresh,
}
_CHALLENGES: dict[str, Callable[[Call, RespondToAuthChallenge], Answer]] = {
    PASSWORD_VERIFIER: _verify_srp,
    NEW_PASSWORD_REQUIRED: _set_new_password,
    SOFTWARE_TOKEN_MFA: _check_totp,
}
