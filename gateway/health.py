"""Health: whether the process lives, and whether it can take requests. Names no agency."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.metrics import CONTENT_TYPE
from gateway.replies import Reply, json_reply, send_reply


class Drain:
    """Whether the process has begun to stop: it answers what comes, and asks for no more."""

    __slots__ = ("_told", "begun")

    def __init__(self) -> None:
        self.begun = False
        self._told: list[Callable[[], None]] = []

    def tell(self, told: Callable[[], None]) -> None:
        """Have somebody called as soon as it begins."""
        self._told.append(told)

    def begin(self) -> None:
        """Begin to stop."""
        self.begun = True
        for told in self._told:
            told()


def health_routes(drain: Drain, reachable: Callable[[], Awaitable[bool]]) -> list[Route]:
    """Return the routes of the public port. `reachable` says whether the directory answers."""

    async def ready() -> Reply:
        if drain.begun:
            return json_reply(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"})
        if not await reachable():
            return json_reply(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready"})
        return json_reply(HTTPStatus.OK, {"status": "ready"})

    async def live() -> Reply:
        return json_reply(HTTPStatus.OK, {"status": "live"})

    return [
        Route("/health/live", _Answers(live), methods=["GET", "HEAD"]),
        Route("/health/ready", _Answers(ready), methods=["GET", "HEAD"]),
    ]


def operations_app(
    exposition: Callable[[], bytes], health: Callable[[], Mapping[str, object]]
) -> Starlette:
    """Return the application of the operations port, which is never a public one."""

    async def metrics(_request: Request) -> Response:
        return Response(exposition(), media_type=CONTENT_TYPE)

    async def answer_health() -> Reply:
        return json_reply(HTTPStatus.OK, dict(health()))

    return Starlette(
        routes=[
            Route("/metrics", metrics, methods=["GET"]),
            Route("/health", _Answers(answer_health), methods=["GET", "HEAD"]),
        ]
    )


class _Answers:
    """An ASGI application that sends one reply."""

    def __init__(self, make: Callable[[], Awaitable[Reply]]) -> None:
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send_reply(await self._make(), receive, send)


__all__ = ["ASGIApp", "Drain", "health_routes", "operations_app"]
