"""Stage 2: says who is asking, from a credential and what the directory knows, or refuses.

A verdict is kept until the credential ends or the agency's epoch moves, and compared with both at
each use: so the next request costs a hash and a look-up, and a revoked key or token, a suspended
agency or a dismissed member of staff is refused at once in every process.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from cachetools import LRUCache

from domain.access import CredentialMode, Principal
from domain.actors import KIND_OF_GROUP, PrincipalKind
from domain.agencies import Agency, AgencyStatus, Pool
from domain.clock import utc_now
from domain.errors import AgencySuspended, GatewayError, StoreUnavailable, Unauthenticated
from gateway.identity.claims import (
    AGENCY_GROUPS,
    OPERATOR_GROUPS,
    Claims,
    TokenText,
    read_token,
    verify,
)
from gateway.identity.credentials import Credential
from gateway.identity.jwks import KeySets
from gateway.identity.refusals import Reason, Refusal, attributed
from tenants.directory.api_keys import is_secret, secret_hash
from tenants.directory.port import Directory

VERDICTS_MAX = 20_000
KEYS_IN_USE_MAX = 10_000
KEY_USE_RECORDED_EACH = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A credential that held, and the epoch of the directory that it held under."""

    kind: Literal["jwt", "api_key"]
    principal: Principal
    agency_id: str | None
    expires_at: datetime
    epoch: int


class Authenticator:
    """Turns credentials into principals; holds verdicts, and the recording of API keys' use."""

    def __init__(
        self,
        directory: Directory,
        key_sets: KeySets,
        clock: Callable[[], datetime] = utc_now,
        *,
        verdicts_max: int = VERDICTS_MAX,
    ) -> None:
        """Take the directory, the pools' keys, and a clock in UTC."""
        self._directory = directory
        self._key_sets = key_sets
        self._clock = clock
        self._verdicts: LRUCache[bytes, _Verdict] = LRUCache(maxsize=verdicts_max)
        self._uses: LRUCache[str, datetime] = LRUCache(maxsize=KEYS_IN_USE_MAX)
        self._recordings: set[asyncio.Task[None]] = set()

    async def authenticate(self, credential: Credential) -> Principal:
        """Return who presents the credential.

        Raises Unauthenticated where it does not hold (`refusals.reason_of` tells the log why), and
        AgencySuspended where it does and its agency may not. May raise StoreUnavailable.
        """
        # The text is a canonical spelling, so its hash stands for the credential. Nothing is ever
        # revoked by it: revocations name claims, and move the epoch.
        digest = hashlib.sha256(credential.value.encode("utf-8", "surrogatepass")).digest()
        now = self._clock()
        verdict = self._verdicts.get(digest)
        if (
            verdict is None
            or verdict.kind != credential.kind
            or verdict.expires_at <= now
            or verdict.epoch != self._directory.epoch(verdict.agency_id)
        ):
            self._verdicts.pop(digest, None)
            verdict = await self._judge(credential, now)
            self._verdicts[digest] = verdict
        if verdict.kind == "api_key":
            self._record_use(verdict, now)
        return verdict.principal

    async def aclose(self) -> None:
        """Wait until the uses of API keys are recorded."""
        await asyncio.gather(*self._recordings)

    async def _judge(self, credential: Credential, now: datetime) -> _Verdict:
        try:
            if credential.kind == "api_key":
                return await self._judge_key(credential.value, now)
            return await self._judge_token(credential.value, now)
        except Refusal as refusal:
            if refusal.reason is Reason.KEY_SET_UNAVAILABLE:
                # Nothing is wrong with the token: a 401 would make every client sign out.
                raise StoreUnavailable(
                    "The user pool's keys cannot be fetched right now. Repeat in a moment."
                ) from refusal
            if refusal.reason is Reason.SUSPENDED_AGENCY:
                raise AgencySuspended from refusal
            raise Unauthenticated from refusal

    async def _judge_token(self, text: str, now: datetime) -> _Verdict:
        token = read_token(text)
        # Only a name until the signature holds; keys are asked for under names we know alone.
        named, _ = await self._owner(token.issuer)
        agency_id = None if named is None else named.id
        with attributed(agency_id):
            return await self._judge_named(token, agency_id, now)

    async def _judge_named(
        self, token: TokenText, agency_id: str | None, now: datetime
    ) -> _Verdict:
        key = await self._key_sets.key(token.issuer, token.key_id)
        # Fetching keys may have taken seconds. What decides is read from here on, after the epoch
        # that the verdict is kept under: a change in between makes it look old, never current.
        epoch = self._directory.epoch(agency_id)
        agency, pool = await self._owner(token.issuer)
        if (None if agency is None else agency.id) != agency_id:
            raise Refusal(Reason.UNKNOWN_ISSUER)  # the pool changed hands meanwhile
        groups = OPERATOR_GROUPS if agency is None else AGENCY_GROUPS
        claims = verify(token, key=key, pool=pool, groups=groups, at=max(now, self._clock()))
        principal = await self._person(claims, agency)
        return _Verdict("jwt", principal, agency_id, claims.expires_at, epoch)

    async def _owner(self, issuer: str) -> tuple[Agency | None, Pool]:
        """Return the agency (None: the operators) whose pool has that issuer, and the pool."""
        operators = await self._directory.operator_pool()
        if operators is not None and operators.issuer == issuer:
            return None, operators
        agency = await self._directory.agency_by_issuer(issuer)
        for pool in () if agency is None else agency.pools:
            if pool.issuer == issuer:
                return agency, pool
        raise Refusal(Reason.UNKNOWN_ISSUER)

    async def _person(self, claims: Claims, agency: Agency | None) -> Principal:
        agency_id = None if agency is None else agency.id
        if await self._directory.is_revoked(
            agency_id,
            subject=claims.subject,
            issued_at=claims.issued_at,
            jti=claims.jti,
            origin_jti=claims.origin_jti,
        ):
            raise Refusal(Reason.REVOKED)
        display_name = claims.username
        if agency is None:
            # No agency has a list of operators, and its admins decide by what they are shown.
            display_name = claims.person or display_name
        else:
            staff = await self._directory.staff_by_subject(agency.id, claims.subject)
            if staff is not None and not staff.active:
                raise Refusal(Reason.INACTIVE_STAFF)
            _demand_active(agency)
            display_name = display_name if staff is None else staff.display_name
        return Principal(
            kind=KIND_OF_GROUP[claims.group],
            subject=claims.subject,
            display_name=display_name,
            agency_id=agency_id,
            group=claims.group,
            authenticated_at=claims.authenticated_at,
            expires_at=claims.expires_at,
        )

    async def _judge_key(self, secret: str, now: datetime) -> _Verdict:
        if not is_secret(secret):
            raise Refusal(Reason.MALFORMED_API_KEY)
        key_hash = secret_hash(secret)
        found = await self._directory.api_key_by_hash(key_hash)
        if found is None:
            raise Refusal(Reason.UNKNOWN_API_KEY)
        agency_id, _ = found
        with attributed(agency_id):
            return await self._judge_known(key_hash, agency_id, now)

    async def _judge_known(self, key_hash: str, agency_id: str, now: datetime) -> _Verdict:
        epoch = self._directory.epoch(agency_id)  # and what decides is read after it, as above
        agency = await self._directory.agency(agency_id)
        found = await self._directory.api_key_by_hash(key_hash)
        if agency is None or found is None or found[0] != agency_id:
            raise Refusal(Reason.UNKNOWN_API_KEY)
        key = found[1]
        if not key.is_live(now):
            raise Refusal(Reason.ENDED_API_KEY)
        _demand_active(agency)
        principal = Principal(
            kind=PrincipalKind.INTEGRATION,
            subject=key.id,
            display_name=key.name,
            agency_id=agency_id,
            group=None,
            scopes=key.scopes,
            expires_at=key.expires_at,
            mode=CredentialMode.API_KEY,
        )
        return _Verdict("api_key", principal, agency_id, key.expires_at, epoch)

    def _record_use(self, verdict: _Verdict, now: datetime) -> None:
        """Have the use of an API key recorded, at most once a minute, without waiting for it."""
        key_id, agency_id = verdict.principal.subject, verdict.agency_id
        last = self._uses.get(key_id)
        if agency_id is None or (last is not None and now - last < KEY_USE_RECORDED_EACH):
            return
        self._uses[key_id] = now
        task = asyncio.create_task(self._touch(agency_id, key_id, now))
        self._recordings.add(task)
        task.add_done_callback(self._recordings.discard)

    async def _touch(self, agency_id: str, key_id: str, now: datetime) -> None:
        try:
            await self._directory.touch_api_key(agency_id, key_id, now)
        except GatewayError as error:
            _log.warning("use of an API key not recorded", key=key_id, why=error.code)


def _demand_active(agency: Agency) -> None:
    if agency.status is not AgencyStatus.ACTIVE:
        raise Refusal(Reason.SUSPENDED_AGENCY)
