"""Carries out a call: in one unit; then messages are sent, and revocations told."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog

from domain.clock import utc_now
from domain.errors import GatewayError
from gateway.local.identity_provider.call import Call, Message
from gateway.local.identity_provider.faults import Fault, FaultName, invalid
from gateway.local.identity_provider.file import StateFile
from gateway.local.identity_provider.operations import OPERATIONS, TARGET_PREFIX, Operation
from gateway.local.identity_provider.sign_ins import (
    TokensRevoked,
    forget_revocation,
    revocations,
)

Deliver = Callable[[Message], None]
TellRevoked = Callable[[TokensRevoked], Awaitable[None]]

T = TypeVar("T")

_SIGNED = "AWS4-HMAC-SHA256 "
_log = structlog.get_logger("almoner")


def deliver_to_nobody(_: Message) -> None:
    """Send nothing: for who asks for no codes."""


async def tell_nobody(_: TokensRevoked) -> None:
    """Tell nobody of revocations: for a provider without a gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider's state, and whom it speaks to.

    deliver: what shows codes and temporary passwords to whom they are for. tell_revoked: what has
    the gateway refuse tokens; a call that revokes is answered once it has returned.
    """

    file: StateFile
    deliver: Deliver = deliver_to_nobody
    tell_revoked: TellRevoked = tell_nobody
    clock: Callable[[], datetime] = utc_now
    # One thread of its own: calls compute for milliseconds and wait for the disk, one by one, and
    # the gateway beside them has the event loop and all other threads for itself.
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "identity-provider")
    )

    async def answer(
        self, target: str, body: bytes, *, base_url: str, pool_id: str | None, authorization: str
    ) -> dict[str, Any]:
        """Return the answer to a call; raises a Fault, or StoreUnavailable.

        base_url: what issuers begin with. pool_id: the one in the address that was called.
        """
        operation = OPERATIONS.get(target.removeprefix(TARGET_PREFIX))
        if operation is None or not target.startswith(TARGET_PREFIX):
            raise Fault(FaultName.UNKNOWN_OPERATION, "There is no such operation here.")
        if operation.is_signed and not authorization.startswith(_SIGNED):
            told = "Missing Authentication Token: sign the request, with whatever credentials."
            raise Fault(FaultName.MISSING_AUTHENTICATION, told)
        asked = _read(operation, body)

        def carry_out() -> tuple[dict[str, Any], Call]:
            with self.file.unit() as connection:
                call = Call(
                    connection=connection,
                    at=self.clock(),
                    base_url=base_url.rstrip("/"),
                    pool_id=pool_id,
                )
                return operation.carry_out(call, asked), call

        result, call = await self.in_thread(carry_out)
        for message in call.messages:
            self.deliver(message)
        try:
            await self.tell_revocations()
        except GatewayError as error:
            if call.revokes:  # it is kept, and told by one of the next calls; and not done yet
                raise
            _log.warning("revocations not told", why=error.code)
        return result

    async def tell_revocations(self) -> None:
        """Tell of all revocations that were not told yet, also by who was killed meanwhile."""
        for revoked in await self.in_thread(self._untold):
            await self.tell_revoked(revoked)
            await self.in_thread(partial(self._told, revoked.number))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what the work returns, done beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def _untold(self) -> list[TokensRevoked]:
        with self.file.reading() as connection:
            return revocations(connection)

    def _told(self, number: int) -> None:
        with self.file.unit() as connection:
            forget_revocation(connection, number)


def _read(operation: Operation, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=operation.asked)
    except msgspec.ValidationError as error:  # says which member, and no value
        raise invalid(f"{error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault(FaultName.SERIALIZATION, "The body is not a JSON object.") from error
