"""A running identity provider on a port of this machine, with two agencies and the operators."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore import UNSIGNED
from botocore.config import Config as BotoConfig

from domain.actors import Group
from domain.errors import StoreUnavailable
from gateway.listening import bind
from gateway.local.identity_provider.call import Message
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.http import provider_app
from gateway.local.identity_provider.sign_ins import TokensRevoked
from gateway.local.issuer import LocalIssuer
from gateway.server import Server

FILE_KEY = bytes(range(32))
CLIENT = "almonerweb"
HARBOR, SUMMIT = "us-east-1_Harbor01", "us-east-1_Summit01"
OPERATORS = "us-east-1_Almoner1"
PASSWORD = "Almoner-Demo-1"
COUNSELOR = "counselor@harbor.test"
SUBJECTS = {
    COUNSELOR: "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a11",
    "counselor@summit.test": "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a12",
    "operator@almoner.test": "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a13",
}


@dataclass(slots=True)
class Clock:
    """The provider's clock: the real one, and what the test adds."""

    ahead: timedelta = timedelta()
    stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        """Return the time."""
        return (self.stopped_at or datetime.now(UTC)) + self.ahead

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(seconds=seconds)

    def stop(self) -> None:
        """Let no time pass but what the test turns."""
        self.stopped_at = datetime.now(UTC)


@dataclass(slots=True)
class Running:
    """A provider that answers, what it sent and whom it revoked."""

    url: str
    issuer: LocalIssuer
    path: Path
    clock: Clock
    messages: list[Message] = field(default_factory=list)
    revoked: list[TokensRevoked] = field(default_factory=list)
    directory_is_away: bool = False

    def aws(self, pool_id: str | None = None, *, signed: bool = False) -> Any:
        """Return AWS's own client of the API; `signed` with credentials that nobody gave out."""
        address = self.url if pool_id is None else f"{self.url}/{pool_id}"
        return aws_client(address, signed=signed)

    def call(
        self,
        operation: str,
        headers: dict[str, str] | None = None,
        at: str = "/",
        **asked: Any,
    ) -> httpx.Response:
        """Return the bare answer to a call."""
        sent = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"AWSCognitoIdentityProviderService.{operation}",
        }
        return httpx.post(
            self.url + at, json=asked, headers=sent | (headers or {}), trust_env=False
        )

    def password_auth(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        """Return the answer to a sign-in by password."""
        answer: dict[str, Any] = self.call(
            "InitiateAuth",
            ClientId=CLIENT,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        ).json()
        return answer

    def sign_in(self, name: str = COUNSELOR, password: str = PASSWORD) -> dict[str, str]:
        """Return the tokens of a sign-in by password."""
        tokens: dict[str, str] = self.password_auth(name, password)["AuthenticationResult"]
        return tokens

    def secret_sent_to(self, email: str) -> str:
        """Return the code, or the temporary password, that was sent last."""
        return [message.secret for message in self.messages if message.email == email][-1]


def aws_client(address: str, *, signed: bool = False) -> Any:
    """Return boto3's client of a Cognito API there."""
    keys = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anything"}
    version = {} if signed else {"signature_version": UNSIGNED}
    return boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=address,
        config=BotoConfig(retries={"total_max_attempts": 1}, proxies={}, **version),
        **(keys if signed else {}),
    )


def fill(issuer: LocalIssuer) -> None:
    """Make three pools with somebody in each."""
    issuer.ensure_pool(HARBOR, CLIENT, agency="harbor")
    issuer.ensure_pool(SUMMIT, CLIENT, agency="summit")
    issuer.ensure_pool(OPERATORS, CLIENT, agency=None)
    for email, pool_id, group in (
        (COUNSELOR, HARBOR, Group.COUNSELORS),
        ("counselor@summit.test", SUMMIT, Group.COUNSELORS),
        ("operator@almoner.test", OPERATORS, Group.OPERATORS),
    ):
        issuer.put_user(
            email=email,
            subject=SUBJECTS[email],
            display_name="Grace Somebody",
            group=group,
            pool_id=pool_id,
        )
        issuer.ensure_password(pool_id, email, PASSWORD)


@contextmanager
def running(path: Path) -> Iterator[Running]:
    """Run a provider over the file in a thread, as clients in other processes meet it."""
    issuer = LocalIssuer.open(path, FILE_KEY, create=False)
    found = Running(url="", issuer=issuer, path=path, clock=Clock())

    async def remember(revoked: TokensRevoked) -> None:
        if found.directory_is_away:
            raise StoreUnavailable
        found.revoked.append(revoked)

    provider = Provider(
        file=issuer.file, deliver=found.messages.append, tell_revoked=remember, clock=found.clock
    )
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Server(provider_app(provider), bind("127.0.0.1", 0)) as server:
            found.url = server.url
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        issuer.close()
