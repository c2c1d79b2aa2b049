"""The simulator as an ASGI app: one address for everything, faults by last name, a count.

An inquiry is counted once the request has been accepted, before any fault: a vendor that does not
answer, or answers with an error, has acted all the same. The count is shown to the machine itself
alone, by reference and by a hash of the subject, never by Social Security number.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib import resources

from starlette.types import Message, Receive, Scope, Send

from integrations.transunion.simulator.account import SimulatorAccount
from integrations.transunion.simulator.answers import (
    MODEL_REPORT,
    enclose,
    error_answer,
    file_answer,
    frozen_answer,
    no_hit_answer,
)
from integrations.transunion.simulator.intake import NotAllowed, NotXml, Refused, read_request
from integrations.transunion.simulator.people import file_for
from integrations.transunion.simulator.records import Asked

CONTROL_PATH = "/_simulator/inquiries"
REQUEST_BYTES_MAX = 100_000
SAMPLE = "tu_2.33_07000_credit_report_response.xml"
PERSONA = ("666484418", "UPHOLD")

_LINES = re.compile(r"<(trade|inquiry)>.*?</\1>\s*", re.DOTALL)
_LOOPBACK = ("127.0.0.1", "::1")
_XML = b"text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedInquiry:
    """One inquiry made; subject: a hash that is the same for the same number."""

    reference: str
    kind: str
    product: str
    subject: str


class Simulator:
    """An ASGI app; one object keeps one count."""

    def __init__(self, account: SimulatorAccount | None = None) -> None:
        self.account = account or SimulatorAccount()
        self.inquiries: list[CountedInquiry] = []
        self._closing = asyncio.Event()
        # By last name; each returns whether the answer is still to be given.
        self._faults: dict[str, Callable[[Receive, Send], Awaitable[bool]]] = {
            "timeout": self._never,
            "slow": self._slowly,
            "garbage": self._garbage,
            "servererror": self._failure,
        }

    def close(self) -> None:
        """Let go of everybody who is kept waiting."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        if scope["path"] == CONTROL_PATH and scope["method"] == "GET":
            await self._tell(scope, send)
        elif scope["method"] != "POST":
            await _respond(send, 405, b"", b"text/plain")
        else:
            await self._inquire(receive, send)

    async def _tell(self, scope: Scope, send: Send) -> None:
        client = scope.get("client")
        if client is None or client[0] not in _LOOPBACK:
            await _respond(send, 404, b"", b"text/plain")
            return
        told = {
            "total": len(self.inquiries),
            "inquiries": [asdict(inquiry) for inquiry in self.inquiries],
        }
        await _respond(send, 200, json.dumps(told).encode(), b"application/json")

    async def _inquire(self, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            await _respond(send, 413, b"", b"text/plain")
            return
        try:
            asked = read_request(body, self.account)
        except NotXml:
            await _respond(send, 400, b"", b"text/plain")
        except NotAllowed:
            await _respond(send, 401, b"", b"text/plain")
        except Refused as refused:
            answer = error_answer(refused.code, refused.description, enveloped=refused.enveloped)
            await _respond(send, 200, answer.encode(), _XML)
        else:
            self._count(asked)
            fault = self._faults.get(asked.person.last.lower())
            if fault is None or await fault(receive, send):
                await _respond(send, 200, self._answer(asked).encode(), _XML)

    def _count(self, asked: Asked) -> None:
        self.inquiries.append(
            CountedInquiry(
                reference=asked.reference,
                kind="HARD" if asked.hard else "SOFT",
                product=asked.product,
                subject=hashlib.sha256(asked.person.ssn.encode()).hexdigest()[:16],
            )
        )

    def _answer(self, asked: Asked) -> str:
        if (asked.person.ssn, asked.person.last.upper()) == PERSONA:
            return _sample(asked)
        file = file_for(asked.person, self.account.as_of)
        last = asked.person.last.lower()
        if last == "nohit":
            return no_hit_answer(file, asked, self.account)
        if last == "frozen":
            return frozen_answer(file, asked, self.account)
        return file_answer(file, asked, self.account)

    async def _never(self, receive: Receive, send: Send) -> bool:
        """Say nothing until the client has left, or the simulator closes."""
        leaving = asyncio.ensure_future(_disconnected(receive))
        closing = asyncio.ensure_future(self._closing.wait())
        _, waiting = await asyncio.wait({leaving, closing}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if closing.done() and not closing.cancelled():
            await _respond(send, 503, b"", b"text/plain")
        return False

    async def _slowly(self, _receive: Receive, _send: Send) -> bool:
        try:
            async with asyncio.timeout(self.account.slow_seconds):
                await self._closing.wait()
        except TimeoutError:
            pass
        return True

    async def _garbage(self, _receive: Receive, send: Send) -> bool:
        page = b"<html><body>We'll be back soon<br></body>"
        await _respond(send, 200, page, b"text/html")
        return False

    async def _failure(self, _receive: Receive, send: Send) -> bool:
        await _respond(send, 500, b"internal error", b"text/plain")
        return False


def _sample(asked: Asked) -> str:
    """Return the vendor's sample byte for byte, in an envelope, or cut down to a model report."""
    samples = resources.files("integrations.transunion.simulator") / "samples"
    text = (samples / SAMPLE).read_text(encoding="utf-8")
    if asked.product == MODEL_REPORT:
        text = _LINES.sub("", text).replace("<code>07000</code>", "<code>08000</code>")
    return enclose(text.partition("?>")[2], enveloped=True) if asked.enveloped else text


async def _read(receive: Receive) -> bytes | None:
    """Return the request's body, None where it is too large."""
    body = bytearray()
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > REQUEST_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _respond(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
