"""Signs webhooks as Plaid does, and delivers them: again and again, until somebody takes them."""

import asyncio
import base64
import hashlib
import uuid
from dataclasses import dataclass, field

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from domain.addresses import is_loopback
from integrations.plaid.simulator.account import SimulatorAccount
from integrations.plaid.simulator.accounts import Json
from integrations.plaid.simulator.faults import refused

HEADER = "Plaid-Verification"
_COORDINATE_BYTES = 32
_DELIVERY_SECONDS = 10


@dataclass(slots=True, kw_only=True)
class _Key:
    id: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    created_at: int
    expired_at: int | None = None


class Webhooks:
    """The simulator's signing keys and the deliveries under way."""

    def __init__(self, account: SimulatorAccount) -> None:
        self._account = account
        self._keys: dict[str, _Key] = {}
        self._current = self._new_key()
        self._deliveries: set[asyncio.Task[None]] = set()
        self.delivered: list[str] = []

    @property
    def key_id(self) -> str:
        """Return the name of the key that is signed with now."""
        return self._current.id

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before has expired."""
        self._current.expired_at = self._seconds()
        self._current = self._new_key()

    def key(self, key_id: str) -> Json:
        """Return a public key as /webhook_verification_key/get has it; raises Refused."""
        found = self._keys.get(key_id)
        if found is None:
            raise refused("INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID", "invalid key_id")
        point = found.private.public_key().public_numbers()
        return {
            "alg": "ES256",
            "created_at": found.created_at,
            "crv": "P-256",
            "expired_at": found.expired_at,
            "kid": found.id,
            "kty": "EC",
            "use": "sig",
            "x": _coordinate(point.x),
            "y": _coordinate(point.y),
        }

    def signature(self, body: bytes) -> str:
        """Return the header that belongs to a body."""
        claims = {"iat": self._seconds(), "request_body_sha256": hashlib.sha256(body).hexdigest()}
        return jwt.encode(
            claims, self._current.private, algorithm="ES256", headers={"kid": self._current.id}
        )

    def fire(self, address: str | None, said: Json) -> bool:
        """Begin to deliver a webhook; nothing ever goes beyond this machine."""
        if address is None or not is_loopback(address):
            return False
        body = msgspec.json.encode({**said, "environment": "sandbox"})
        name = f"{said['webhook_type']}/{said['webhook_code']}"
        task = asyncio.create_task(self._deliver(address, body, name), name=f"webhook {name}")
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return True

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._deliveries:
            await asyncio.wait(set(self._deliveries))

    def close(self) -> None:
        """Give up what is under way."""
        for task in self._deliveries:
            task.cancel()

    async def _deliver(self, address: str, body: bytes, name: str) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=_DELIVERY_SECONDS) as client:
            for wait in (0.0, *self._account.webhook_waits_seconds):
                await asyncio.sleep(wait)
                headers = {"Content-Type": "application/json", HEADER: self.signature(body)}
                try:
                    answer = await client.post(address, content=body, headers=headers)
                except httpx.HTTPError:
                    continue
                if answer.is_success:
                    self.delivered.append(name)
                    return

    def _new_key(self) -> _Key:
        private = ec.generate_private_key(ec.SECP256R1())
        key = _Key(id=str(uuid.uuid4()), private=private, created_at=self._seconds())
        self._keys[key.id] = key
        return key

    def _seconds(self) -> int:
        return int(self._account.now().timestamp())


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(_COORDINATE_BYTES, "big")).decode().rstrip("=")
