"""Mistakes about who asks, and for which agency."""

from typing import Any

import gateway.app
import gateway.identity.authenticator
from domain.access import Principal
from gateway.agency import Settled, settle_agency
from gateway.identity.claims import read_token
from gateway.identity.refusals import Refusal
from gateway.parts import Parts
from tests.isolation.gateway_run import Rewire
from tests.isolation.leaks.leak import Leaks, Patch
from tests.isolation.planting import ENDING

LEAKS = Leaks()
leak = LEAKS.enter


@leak("a verdict kept under what names a person, and not under the whole credential")
def _verdict_cache_key_without_agency(patch: Patch) -> None:
    authenticator = gateway.identity.authenticator.Authenticator
    honest = authenticator.authenticate
    kept: dict[tuple[str, str], Principal] = {}

    async def authenticate(self: Any, credential: Any, occasion: Any) -> Principal:
        if credential.kind == "api_key":
            return await honest(self, credential, occasion)
        payload = read_token(credential.value).payload
        key = (str(payload["sub"]), str(payload["cognito:groups"]))
        if key not in kept:
            kept[key] = await honest(self, credential, occasion)
        return kept[key]

    patch.setattr(authenticator, "authenticate", authenticate)


@leak("key sets looked through by key id, whoever's issuer the token names")
def _wrong_pool_s_key_accepted(_patch: Patch) -> Rewire:
    def rewire(parts: Parts) -> Parts:
        key_sets: Any = parts.authenticator._key_sets  # type: ignore[attr-defined]  # the real one
        honest = key_sets.key

        async def key(issuer: str, key_id: str, **more: Any) -> Any:
            try:
                return await honest(issuer, key_id, **more)
            except Refusal:
                for source in key_sets._sources.values():
                    if key_id in source.keys:
                        return source.keys[key_id]
                raise

        key_sets.key = key
        return parts

    return rewire


@leak("a signature that is not looked at")
def _signature_not_checked(patch: Patch) -> None:
    patch.setattr("gateway.identity.claims._RS256", _Anything())


class _Anything:
    def verify(self, *_: object) -> bool:
        return True


@leak(
    "an epoch that a process does not see rise, so that a revoked sign-in goes on",
    {"application", "applications", "staff"},
    {ENDING},
)
def _stale_epoch(patch: Patch) -> None:
    patch.setattr("tenants.directory.sqlite.SqliteDirectory.epoch", lambda *_: 1)


@leak("the header believed, and not the credential")
def _hint_trusted_over_credential(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, hint: str | None, directory: Any, **more: Any) -> Any:
        named = None if hint is None else await directory.agency_by_slug(hint)
        if named is not None:
            return Settled(principal=principal, agency=named)
        return await honest(principal, hint, directory, **more)

    patch.setattr(gateway.app, "settle_agency", settle)


@leak("the status of an agency looked at by nobody")
def _suspended_agency_still_served(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, hint: str | None, directory: Any, **more: Any) -> Any:
        if principal.agency_id is None or hint is not None:
            return await honest(principal, hint, directory, **more)
        agency = await directory.agency(principal.agency_id)
        return Settled(principal=principal, agency=agency)

    patch.setattr(gateway.identity.authenticator, "_demand_active", lambda _agency: None)
    patch.setattr(gateway.app, "settle_agency", settle)


@leak("a revoked API key that is only looked at for its end")
def _revoked_key_accepted(patch: Patch) -> None:
    patch.setattr("domain.access.ApiKey.is_live", lambda self, at: at < self.expires_at)
