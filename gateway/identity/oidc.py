"""What tokens of a configured OpenID Connect issuer have to be and to say.

As AppSync reads them: the client is matched with `aud` and else with `azp`. Unlike there, the
issuer is always compared, the client always has to be matched, and a token is for the one agency
that its issuer is configured for. Which of its groups are which of ours is the operator's to say.
"""

from collections.abc import Iterator

from domain.actors import Group
from gateway.identity.claims import ALGORITHMS, KINDS, Payload, Terms
from gateway.identity.providers import OidcIssuer
from gateway.identity.refusals import Reason, Refusal

AUDIENCES_MAX = 32
GROUPS_MAX = 500


def oidc_terms(provider: OidcIssuer) -> Terms:
    """Return the terms of a configured issuer."""
    return Terms(
        issuer=provider.issuer,
        algorithms=ALGORITHMS,
        kinds=KINDS,
        check_client=lambda payload: _check_client(payload, provider),
        username=lambda _payload: "preferred_username",
        group=lambda payload: _read_group(payload, provider),
        prefix=f"{provider.name}:",
        issued_for=provider.issued_for,
        signed_in_for=provider.signed_in_for,
    )


def _check_client(payload: Payload, provider: OidcIssuer) -> None:
    audiences = payload.get("aud", [])
    named = [audiences] if isinstance(audiences, str) else audiences
    if not isinstance(named, list) or len(named) > AUDIENCES_MAX:
        raise Refusal(Reason.MALFORMED_CLAIM)
    if not all(isinstance(one, str) for one in named):
        raise Refusal(Reason.MALFORMED_CLAIM)
    party = payload.get("azp")
    if party is not None and not isinstance(party, str):
        raise Refusal(Reason.MALFORMED_CLAIM)
    if not any(provider.client.matches(one) for one in named) and not (
        party is not None and provider.client.matches(party)
    ):
        raise Refusal(Reason.WRONG_CLIENT)


def _read_group(payload: Payload, provider: OidcIssuer) -> Group:
    """Return the one group of ours that the token's groups come to."""
    ours = provider.groups
    known = {ours[name] for name in _listed(payload, provider) if name in ours}
    if not known:
        raise Refusal(Reason.NO_GROUP)
    if len(known) > 1:
        raise Refusal(Reason.SEVERAL_GROUPS)
    return known.pop()


def _listed(payload: Payload, provider: OidcIssuer) -> Iterator[str]:
    value: object = payload
    for name in provider.groups_claim:
        if not isinstance(value, dict):
            return
        value = value.get(name, [])
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > GROUPS_MAX:
        raise Refusal(Reason.MALFORMED_CLAIM)
    for one in listed:
        if not isinstance(one, str):
            raise Refusal(Reason.MALFORMED_CLAIM)
        yield one
