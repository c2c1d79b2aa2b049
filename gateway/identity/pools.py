"""What tokens of Cognito-style user pools have to be and to say."""

from domain.actors import Group
from domain.agencies import Pool
from gateway.identity.claims import PLAIN_KIND, RS256, Payload, Terms
from gateway.identity.refusals import Reason, Refusal

AGENCY_GROUPS = frozenset(Group) - {Group.OPERATORS}
OPERATOR_GROUPS = frozenset({Group.OPERATORS})

_KNOWN_GROUPS: dict[str, Group] = {group.value: group for group in Group}


def pool_terms(pool: Pool, groups: frozenset[Group]) -> Terms:
    """Return the terms of a pool; `groups` are those that it may put people into."""
    return Terms(
        issuer=pool.issuer,
        algorithms=frozenset({RS256}),
        kinds=frozenset({PLAIN_KIND}),
        check_client=lambda payload: _check_client(payload, pool),
        username=_username,
        group=lambda payload: _read_group(payload, groups),
    )


def _check_client(payload: Payload, pool: Pool) -> None:
    """Check whom the token is for, by what it is for."""
    use = payload.get("token_use")
    if use not in ("access", "id"):
        raise Refusal(Reason.WRONG_TOKEN_USE)
    own, other = ("client_id", "aud") if use == "access" else ("aud", "client_id")
    if not _names_client(payload.get(own), pool):
        raise Refusal(Reason.WRONG_CLIENT)
    if other in payload and not _names_client(payload[other], pool):
        raise Refusal(Reason.WRONG_CLIENT)


def _names_client(value: object, pool: Pool) -> bool:
    return isinstance(value, str) and value in pool.client_ids


def _username(payload: Payload) -> str:
    return "username" if payload.get("token_use") == "access" else "cognito:username"


def _read_group(payload: Payload, allowed: frozenset[Group]) -> Group:
    listed = payload.get("cognito:groups", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Refusal(Reason.MALFORMED_CLAIM)
    known = [_KNOWN_GROUPS[name] for name in listed if name in _KNOWN_GROUPS]
    if not known:
        raise Refusal(Reason.NO_GROUP)
    if len(known) > 1:
        raise Refusal(Reason.SEVERAL_GROUPS)
    if known[0] not in allowed:
        raise Refusal(Reason.GROUP_OF_ANOTHER_POOL)
    return known[0]
