"""Stage 2: says who is asking, from a credential and what the directory knows, or refuses.

A verdict is kept until the credential ends or the agency's epoch moves, and compared with both at
each use: so the next request costs a hash and a look-up, and a revoked key or token, a suspended
agency or a dismissed member of staff is refused at once in every process. Whose word was taken for
it, a pool's, another issuer's or an authorizer's, makes no difference to that.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from cachetools import LRUCache

from domain.access import CredentialMode, Principal
from domain.actors import KIND_OF_GROUP, PrincipalKind
from domain.agencies import Agency, AgencyStatus
from domain.clock import utc_now
from domain.errors import AgencySuspended, GatewayError, StoreUnavailable
from gateway.identity.authorizers import Authorizers
from gateway.identity.claims import Claims, Terms, TokenText, read_token, verify
from gateway.identity.credentials import Credential, Occasion
from gateway.identity.jwks import KeySets
from gateway.identity.oidc import oidc_terms
from gateway.identity.pools import AGENCY_GROUPS, OPERATOR_GROUPS, pool_terms
from gateway.identity.providers import NO_PROVIDERS, Authorizer, Providers
from gateway.identity.refusals import Reason, Refusal, attributed, unauthenticated
from tenants.directory.api_keys import is_secret, secret_hash
from tenants.directory.port import Directory

VERDICTS_MAX = 20_000
DENIED_FIELDS_PER_VERDICT = 20
KEYS_IN_USE_MAX = 10_000
KEY_USE_RECORDED_EACH = timedelta(minutes=1)

# Nothing is wrong with these credentials: a 401 would make every client sign out.
_TRY_AGAIN = {
    Reason.KEY_SET_UNAVAILABLE: "The issuer's keys cannot be fetched right now.",
    Reason.AUTHORIZER_UNAVAILABLE: "The agency's authorizer does not answer right now.",
    Reason.AUTHORIZER_NOT_UNDERSTOOD: "The agency's authorizer gives no answer that can be used.",
}
_NO_AUTHORIZERS = Authorizers((), None)
_NO_OCCASION = Occasion(request_id="")
_NEVER = datetime.fromtimestamp(0, UTC)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Issuer:
    """Whose issuer a token names, by which terms its tokens hold, and where its keys are."""

    agency: Agency | None
    terms: Terms
    mode: CredentialMode


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A credential that held, and the epoch of the directory that it held under."""

    kind: Literal["jwt", "api_key", "opaque"]
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
        providers: Providers = NO_PROVIDERS,
        authorizers: Authorizers = _NO_AUTHORIZERS,
        verdicts_max: int = VERDICTS_MAX,
    ) -> None:
        """Take the directory, the issuers' keys, a clock in UTC, and who else may vouch."""
        self._directory = directory
        self._key_sets = key_sets
        self._clock = clock
        self._issuers = {
            issuer: (provider.agency, oidc_terms(provider))
            for issuer, provider in providers.issuers.items()
        }
        self._authorizers = authorizers
        self._verdicts: LRUCache[bytes, _Verdict] = LRUCache(maxsize=verdicts_max, getsizeof=_size)
        self._uses: LRUCache[str, datetime] = LRUCache(maxsize=KEYS_IN_USE_MAX)
        self._recordings: set[asyncio.Task[None]] = set()

    async def authenticate(
        self, credential: Credential, occasion: Occasion = _NO_OCCASION
    ) -> Principal:
        """Return who presents the credential.

        Raises Unauthenticated where it does not hold (`refusals.reason_of` tells the log why), and
        AgencySuspended where it does and its agency may not. May raise StoreUnavailable.
        """
        now = self._clock()
        authorizer = self._authorizer_of(credential)
        digest = _digest(credential, authorizer)
        verdict = self._verdicts.get(digest)
        if (
            verdict is None
            or verdict.kind != credential.kind
            or verdict.expires_at <= now
            or verdict.epoch != self._directory.epoch(verdict.agency_id)
        ):
            self._verdicts.pop(digest, None)
            verdict = await self._judge(credential, authorizer, occasion, now)
            if verdict.expires_at > now:  # an authorizer's answer may be for this once
                self._verdicts[digest] = verdict
        if verdict.kind == "api_key":
            self._record_use(verdict, now)
        return verdict.principal

    async def aclose(self) -> None:
        """Wait until the uses of API keys are recorded."""
        await asyncio.gather(*self._recordings)

    def _authorizer_of(self, credential: Credential) -> Authorizer | None:
        """Return who is to judge an opaque token; None for other credentials."""
        if credential.kind != "opaque":
            return None
        try:
            return self._authorizers.choose(credential)
        except Refusal as refusal:
            raise unauthenticated(refusal) from refusal

    async def _judge(
        self,
        credential: Credential,
        authorizer: Authorizer | None,
        occasion: Occasion,
        now: datetime,
    ) -> _Verdict:
        try:
            if credential.kind == "api_key":
                return await self._judge_key(credential.value, now)
            if authorizer is not None:
                return await self._judge_opaque(credential.value, authorizer, occasion)
            return await self._judge_token(credential.value, now)
        except Refusal as refusal:
            if refusal.reason in _TRY_AGAIN:
                message = f"{_TRY_AGAIN[refusal.reason]} Repeat in a moment."
                raise StoreUnavailable(message) from refusal
            if refusal.reason is Reason.SUSPENDED_AGENCY:
                raise AgencySuspended from refusal
            raise unauthenticated(refusal) from refusal

    async def _judge_token(self, text: str, now: datetime) -> _Verdict:
        token = read_token(text)
        # Only a name until the signature holds; keys are asked for under names we know alone.
        named = await self._issuer(token.issuer)
        agency_id = None if named.agency is None else named.agency.id
        with attributed(agency_id):
            named.terms.demand_form(token)
            return await self._judge_named(token, named.mode, agency_id, now)

    async def _judge_named(
        self, token: TokenText, mode: CredentialMode, agency_id: str | None, now: datetime
    ) -> _Verdict:
        discovered = mode is CredentialMode.OIDC
        key = await self._key_sets.key(token.issuer, token.key_id, discovered=discovered)
        # Fetching keys may have taken seconds. What decides is read from here on, after the epoch
        # that the verdict is kept under: a change in between makes it look old, never current.
        epoch = self._directory.epoch(agency_id)
        named = await self._issuer(token.issuer)
        agency = named.agency
        if (None if agency is None else agency.id) != agency_id or named.mode is not mode:
            raise Refusal(Reason.UNKNOWN_ISSUER)  # the pool changed hands meanwhile
        claims = verify(token, key=key, terms=named.terms, at=max(now, self._clock()))
        principal = await self._person(claims, agency, mode)
        return _Verdict("jwt", principal, agency_id, claims.expires_at, epoch)

    async def _issuer(self, issuer: str) -> _Issuer:
        """Return whose the issuer is: the operators', a pool's of an agency, or a configured one.

        The directory comes first: no configuration takes a pool away from its agency.
        """
        operators = await self._directory.operator_pool()
        if operators is not None and operators.issuer == issuer:
            return _Issuer(None, pool_terms(operators, OPERATOR_GROUPS), CredentialMode.USER_POOL)
        agency = await self._directory.agency_by_issuer(issuer)
        for pool in () if agency is None else agency.pools:
            if pool.issuer == issuer:
                return _Issuer(agency, pool_terms(pool, AGENCY_GROUPS), CredentialMode.USER_POOL)
        slug, terms = self._issuers.get(issuer, (None, None))
        agency = None if slug is None else await self._directory.agency_by_slug(slug)
        if agency is None or terms is None:
            raise Refusal(Reason.UNKNOWN_ISSUER)
        return _Issuer(agency, terms, CredentialMode.OIDC)

    async def _person(
        self, claims: Claims, agency: Agency | None, mode: CredentialMode
    ) -> Principal:
        # No agency has a list of operators, and its admins decide by what they are shown.
        shown = (claims.person if agency is None else None) or claims.username
        return Principal(
            kind=KIND_OF_GROUP[claims.group],
            subject=claims.subject,
            display_name=await self._admitted(
                agency,
                subject=claims.subject,
                issued_at=claims.issued_at,
                token_ids=(claims.jti, claims.origin_jti),
            )
            or shown,
            agency_id=None if agency is None else agency.id,
            group=claims.group,
            authenticated_at=claims.authenticated_at,
            expires_at=claims.expires_at,
            mode=mode,
        )

    async def _judge_opaque(
        self, token: str, authorizer: Authorizer, occasion: Occasion
    ) -> _Verdict:
        named = await self._directory.agency_by_slug(authorizer.agency)
        if named is None:
            raise Refusal(Reason.UNKNOWN_AGENCY)
        with attributed(named.id):
            _demand_active(named)
            at = self._clock()
            vouched = await self._authorizers.ask(authorizer, named, token, occasion, at)
            epoch = self._directory.epoch(named.id)  # what decides is read after it, as above
            agency = await self._directory.agency(named.id)
            if agency is None or agency.slug != authorizer.agency:
                raise Refusal(Reason.UNKNOWN_AGENCY)
            shown = await self._admitted(
                agency,
                subject=vouched.subject,
                # A revocation ends what was issued before it, and what is not known to be newer.
                issued_at=vouched.authenticated_at or _NEVER,
                token_ids=(vouched.token_id, None),
            )
            group = vouched.group
            principal = Principal(
                kind=PrincipalKind.INTEGRATION if group is None else KIND_OF_GROUP[group],
                subject=vouched.subject,
                display_name=shown or vouched.display_name,
                agency_id=agency.id,
                group=group,
                scopes=vouched.scopes,
                authenticated_at=vouched.authenticated_at,
                expires_at=vouched.expires_at,
                mode=CredentialMode.AUTHORIZER,
                denied_fields=vouched.denied_fields,
            )
            kept_until = min(at + timedelta(seconds=vouched.kept_seconds), vouched.expires_at)
            return _Verdict("opaque", principal, agency.id, kept_until, epoch)

    async def _admitted(
        self,
        agency: Agency | None,
        *,
        subject: str,
        issued_at: datetime,
        token_ids: tuple[str | None, str | None],
    ) -> str | None:
        """Return what staff are called; raises Refusal for who may not come in, or not any more."""
        agency_id = None if agency is None else agency.id
        jti, origin_jti = token_ids
        if await self._directory.is_revoked(
            agency_id, subject=subject, issued_at=issued_at, jti=jti, origin_jti=origin_jti
        ):
            raise Refusal(Reason.REVOKED)
        if agency is None:
            return None
        staff = await self._directory.staff_by_subject(agency.id, subject)
        if staff is not None and not staff.active:
            raise Refusal(Reason.INACTIVE_STAFF)
        _demand_active(agency)
        return None if staff is None else staff.display_name

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


def _size(verdict: _Verdict) -> int:
    """Return for how many verdicts one counts: what an authorizer denies takes room too."""
    return 1 + len(verdict.principal.denied_fields) // DENIED_FIELDS_PER_VERDICT


def _digest(credential: Credential, authorizer: Authorizer | None) -> bytes:
    """Return what a verdict is kept under: the credential, and who judged it.

    The text is a canonical spelling, so its hash stands for the credential. Nothing is ever revoked
    by it: revocations name claims, and move the epoch. The same opaque text is another credential
    to each agency's authorizer.
    """
    judge = "" if authorizer is None else authorizer.agency
    kept_under = f"{credential.kind}\n{judge}\n{credential.value}"
    return hashlib.sha256(kept_under.encode("utf-8", "surrogatepass")).digest()
