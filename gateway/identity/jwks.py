"""The public keys of issuers: fetched from them, checked, cached, and rarely asked for.

Who asks is not verified yet, so nothing in a token may make this module busy: an issuer's keys are
asked for at most once in ten seconds, whatever key ids are made up, and only issuers that the
directory or the configuration names are ever asked. What has been fetched outlives an outage of the
issuer. A pool's keys are at a known address; another issuer's discovery document says where its own
are, and is fetched with them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
import structlog
from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from domain.addresses import is_issuer_address, is_loopback, is_web_address
from gateway.identity.claims import (
    ES256,
    NAME_CHARACTERS_MAX,
    RS256,
    PublicKey,
    decode_base64url,
)
from gateway.identity.refusals import Reason, Refusal
from gateway.identity.strict_json import read_object

FETCH_EACH_SECONDS = 10
FETCH_TIMEOUT_SECONDS = 5
FRESH_SECONDS = 60 * 60
# No token lives longer than a day: an issuer that was silent for so long has no honest bearer left.
KEPT_SECONDS = 24 * 60 * 60
BODY_BYTES_MAX = 64 * 1024
KEYS_PER_SET_MAX = 32
KEY_SETS_MAX = 2000
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 4096
_EXPONENT_MIN, _EXPONENT_MAX = 65537, 2**32
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

NOT_FETCHED = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, Refusal)
"""Why an issuer's keys are not there."""

_Forms = frozenset[tuple[object, object, object]]
_POOL_FORMS: _Forms = frozenset({("RSA", RS256, "sig")})
# RFC 7517 leaves `alg` and `use` to the issuer, and some leave them out.
_ANY_FORMS: _Forms = frozenset(
    (kind, algorithm, use)
    for kind, own in (("RSA", RS256), ("EC", ES256))
    for algorithm in (own, None)
    for use in ("sig", None)
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where keys are: at the issuer's known address, or where its discovery document says."""

    issuer: str
    discovered: bool


@dataclass(slots=True)
class _Source:
    """What is known of one issuer; `fetching` is the request under way, shared by all who wait."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    fetched_at: float | None = None
    attempted_at: float | None = None
    fetching: asyncio.Task[None] | None = None


class KeySets:
    """The key sets of all issuers; `client` is shared with nobody who would follow redirects."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
        *,
        timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        """Take the client to fetch with, and a clock in seconds that never goes back."""
        self._client = client
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._sources: LRUCache[_Where, _Source] = LRUCache(maxsize=KEY_SETS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def key(self, issuer: str, key_id: str, *, discovered: bool = False) -> PublicKey:
        """Return the issuer's key of that id. discovered: it says itself where its keys are.

        Raises Refusal: UNKNOWN_KEY where the issuer has no such key, KEY_SET_UNAVAILABLE where
        nothing is known of its keys. The issuer must be one that the directory or the
        configuration names.
        """
        where = _Where(issuer, discovered)
        source = self._sources.get(where)
        if source is None:
            source = self._sources[where] = _Source()
        self._forget_what_is_too_old(source)
        key = source.keys.get(key_id)
        if key is not None:
            if self._age(source.fetched_at) > FRESH_SECONDS:
                self._fetch(where, source)  # for the next ones; this one need not wait
            return key
        task = self._fetch(where, source)
        if task is not None:
            await asyncio.shield(task)  # a caller that goes away does not spoil it for the others
            key = source.keys.get(key_id)
            if key is not None:
                return key
        raise Refusal(Reason.UNKNOWN_KEY if source.keys else Reason.KEY_SET_UNAVAILABLE)

    async def aclose(self) -> None:
        """End the requests under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fetch(self, where: _Where, source: _Source) -> asyncio.Task[None] | None:
        """Return the request under way, a new one, or None where it is too early to ask again."""
        if source.fetching is not None:
            return source.fetching
        if self._age(source.attempted_at) < FETCH_EACH_SECONDS:
            return None
        source.attempted_at = self._clock()
        task = asyncio.create_task(self._refresh(where, source), name=f"keys of {where.issuer}")
        source.fetching = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def fetch(self, issuer: str, *, discovered: bool) -> Mapping[str, PublicKey]:
        """Return the issuer's usable keys by id, asked for now and not kept.

        Raises ValueError, Refusal, TimeoutError, httpx.HTTPError and httpx.InvalidURL.
        """
        async with asyncio.timeout(self._timeout_seconds):
            address = key_set_address(issuer)
            if discovered:
                document = await self._download(discovery_address(issuer))
                address = discovered_address(issuer, document)
            body = await self._download(address)
        return _read_keys(body, _ANY_FORMS if discovered else _POOL_FORMS)

    async def _refresh(self, where: _Where, source: _Source) -> None:
        try:
            source.keys = await self.fetch(where.issuer, discovered=where.discovered)
            source.fetched_at = self._clock()
        except NOT_FETCHED as error:
            _log.warning("key set not fetched", issuer=where.issuer, why=type(error).__name__)
        finally:
            source.fetching = None

    async def _download(self, address: str) -> bytes:
        """Return the body, read no further than allowed and never unpacked."""
        async with self._client.stream(
            "GET",
            address,
            headers={"accept": "application/json", "accept-encoding": "identity"},
            follow_redirects=False,
            timeout=httpx.Timeout(self._timeout_seconds),
        ) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError("not a key set")
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise ValueError("key set too large")
            return bytes(body)

    def _forget_what_is_too_old(self, source: _Source) -> None:
        if source.keys and self._age(source.fetched_at) > KEPT_SECONDS:
            source.keys, source.fetched_at = {}, None

    def _age(self, moment: float | None) -> float:
        return float("inf") if moment is None else self._clock() - moment


def key_set_address(issuer: str) -> str:
    """Return where an issuer's keys are; raises ValueError for what must not be asked.

    Plain HTTP is for the local issuer on this machine alone.
    """
    if not is_issuer_address(issuer):
        raise ValueError("not an address to fetch keys from")
    return f"{issuer.rstrip('/')}/.well-known/jwks.json"


def discovery_address(issuer: str) -> str:
    """Return where an issuer's discovery document is (OpenID Connect Discovery 1.0, section 4)."""
    if not is_issuer_address(issuer):
        raise ValueError("not an address to fetch a discovery document from")
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def discovered_address(issuer: str, document: bytes) -> str:
    """Return where a discovery document says that the issuer's keys are.

    Raises ValueError for a document about another issuer, and for an address that would be spoken
    to in plain beyond this machine, or that points from elsewhere into this machine.
    """
    members = read_object(document)
    address = members.get("jwks_uri")
    if members.get("issuer") != issuer:
        raise ValueError("a discovery document about another issuer")
    if not isinstance(address, str) or not is_web_address(address) or "#" in address:
        raise ValueError("no address of keys")
    if is_loopback(address) != is_loopback(issuer):
        raise ValueError("keys on this machine are for issuers on this machine")
    if not address.startswith("https://") and not is_loopback(address):
        raise ValueError("keys are fetched over TLS")
    return address


def _read_keys(body: bytes, forms: _Forms) -> dict[str, PublicKey]:
    """Return the usable keys of a set; raises Refusal for what is not a set, or has none."""
    listed = read_object(body).get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_PER_SET_MAX:
        raise Refusal(Reason.MALFORMED_JSON)
    keys: dict[str, PublicKey] = {}
    ambiguous: set[str] = set()
    for one in listed:
        found = _read_key(one, forms)
        if found is None:
            continue
        key_id, key = found
        if key_id in keys:
            ambiguous.add(key_id)
        keys[key_id] = key
    usable = {key_id: key for key_id, key in keys.items() if key_id not in ambiguous}
    if not usable:
        raise Refusal(Reason.KEY_SET_UNAVAILABLE)
    return usable


def _read_key(member: object, forms: _Forms) -> tuple[str, PublicKey] | None:
    """Return a key that may verify tokens, None for any other: sets hold keys for other uses too.

    A key published with its private part is everybody's, and verifies nothing.
    """
    if not isinstance(member, dict) or not _PRIVATE_MEMBERS.isdisjoint(member):
        return None
    form = (member.get("kty"), member.get("alg"), member.get("use"))
    if not all(one is None or isinstance(one, str) for one in form) or form not in forms:
        return None
    key_id = member.get("kid")
    if not (isinstance(key_id, str) and 0 < len(key_id) <= NAME_CHARACTERS_MAX):
        return None
    try:
        key = _read_rsa(member) if member["kty"] == "RSA" else _read_curve(member)
    except (ValueError, Refusal):  # not a number, or no such key's
        return None
    return None if key is None else (key_id, key)


def _read_rsa(member: Mapping[str, object]) -> PublicKey | None:
    n, e = _read_number(member.get("n")), _read_number(member.get("e"))
    fits = RSA_BITS_MIN <= n.bit_length() <= RSA_BITS_MAX and _EXPONENT_MIN <= e < _EXPONENT_MAX
    return RSAPublicNumbers(e, n).public_key() if fits else None


def _read_curve(member: Mapping[str, object]) -> PublicKey | None:
    if member.get("crv") != "P-256":
        return None
    x, y = _read_number(member.get("x")), _read_number(member.get("y"))
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()  # on the curve, or ValueError


def _read_number(value: object) -> int:
    if not isinstance(value, str):
        raise Refusal(Reason.MALFORMED_JSON)
    return int.from_bytes(decode_base64url(value), "big")
