"""What the explorer serves: its page, the demo's people and operations, tokens for the people.

The page is bundled at set-up (scripts/setup_explorer.sh) and read when it is asked for; where it is
missing, a page says what to do. Only `almoner dev` has these routes.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from gateway.config import Config
from gateway.errors import malformed
from gateway.local.demo_world import AGENCIES, OPERATOR, PASSWORD, users_of
from gateway.local.explorer.operations import offered_operations
from gateway.local.explorer.own_page import OwnPage
from gateway.local.issuer import LocalIssuer
from schema.build import create_schema

BUILT = Path(sys.prefix) / "explorer"
"""Where set-up puts the page: beside the interpreter, outside of what git keeps."""
START = "index.html"
TOKEN_PATH = "/explorer/token"  # noqa: S105 - an address
BODY_BYTES_MAX = 1024

_MISSING = Path(__file__).with_name("missing.html")
_PEOPLE = {
    user.email: user
    for user in (*(user for demo in AGENCIES for user in users_of(demo).values()), OPERATOR)
}


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose token is asked for, by their address."""

    user: str


class Explorer:
    """Answers the explorer's requests."""

    def __init__(self, config: Config, issuer: LocalIssuer, built: Path) -> None:
        self._issuer = issuer
        self._issuer_url = config.issuer_url
        self._built = built
        self._own = OwnPage.of(config, (demo.slug for demo in AGENCIES))

    async def start(self, request: Request) -> Response:
        """Return the page, or the one that says why there is none."""
        opened = self._own.demand_own_host(request)
        page = self._built / START
        found = page.is_file()
        status = HTTPStatus.OK if found else HTTPStatus.SERVICE_UNAVAILABLE
        return _guarded(
            FileResponse(page if found else _MISSING, status_code=status), self._policy(opened)
        )

    async def part(self, request: Request) -> Response:
        """Return a part of the page: a script, a style sheet."""
        opened = self._own.demand_own_host(request)
        path = self._built / request.path_params["name"]
        if not path.is_file():
            raise HTTPException(HTTPStatus.NOT_FOUND)
        # Workers go by the policy that their own script came with.
        return _guarded(FileResponse(path), self._policy(opened))

    async def world(self, request: Request) -> Response:
        """Return who there is in the demo, where they sign in, and what they may try."""
        opened = self._own.demand_own_host(request)
        world = await asyncio.to_thread(_world, self._issuer, self._issuer_url)
        body = msgspec.json.encode(world)
        return _guarded(Response(body, media_type="application/json"), self._policy(opened))

    async def token(self, request: Request) -> Response:
        """Return a token of somebody of the demo, as if they had just signed in."""
        self._own.demand_own_page(request)
        email = (await _asked(request)).user
        user = await asyncio.to_thread(self._issuer.user, email) if email in _PEOPLE else None
        if user is None or not user.enabled:
            raise malformed("The demo has nobody of that address.", HTTPStatus.NOT_FOUND)
        mint = partial(self._issuer.mint, user, base_url=self._issuer_url)
        return JSONResponse(
            {"token": await asyncio.to_thread(mint)}, headers={"cache-control": "no-store"}
        )

    def _policy(self, opened: str) -> str:
        """Return what the page may load: its own parts, and answers of gateway and sign-in.

        Styles are set by the editor as it goes, which only 'unsafe-inline' allows; they can load
        nothing from elsewhere. Realtime is named because not every browser takes it for 'self'.
        """
        socket = opened.replace("http", "ws", 1)
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self' 'unsafe-inline'",
                "font-src 'self' data:",
                "img-src 'self' data:",
                "worker-src 'self'",
                f"connect-src 'self' {socket} {self._issuer_url}",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )


def explorer_routes(config: Config, issuer: LocalIssuer, *, built: Path = BUILT) -> list[Route]:
    """Return the explorer's routes, for `almoner dev` alone."""
    explorer = Explorer(config, issuer, built)
    served: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": explorer.start,
        "/explorer/page/{name}": explorer.part,
        "/explorer/world": explorer.world,
    }
    return [
        *(Route(path, endpoint, methods=["GET"]) for path, endpoint in served.items()),
        Route(TOKEN_PATH, explorer.token, methods=["POST"]),
    ]


def is_built() -> bool:
    """Say whether set-up could make the page."""
    return (BUILT / START).is_file()


async def _asked(request: Request) -> Asked:
    """Return what is asked for; raises Refused for anything but a small JSON object."""
    if request.headers.get("content-type") != "application/json":
        raise malformed("Ask by application/json.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise malformed(f"At most {BODY_BYTES_MAX} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed('The body is {"user": "<e-mail address>"}.') from error


def _guarded(response: Response, policy: str) -> Response:
    response.headers.update(
        {
            "content-security-policy": policy,
            "cache-control": "no-cache",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
    )
    return response


def _world(issuer: LocalIssuer, issuer_url: str) -> dict[str, object]:
    """Return the demo's people by the pool that they sign in at, and what there is to try."""
    names = {demo.slug: demo.name for demo in AGENCIES}
    return {
        "issuer": issuer_url,
        "password": PASSWORD,
        "operations": list(offered_operations(create_schema())),
        "agencies": [
            {
                "name": names.get(pool.agency, pool.agency) if pool.agency else "The platform",
                "slug": pool.agency,
                "poolId": pool.id,
                "clientId": pool.client_id,
                "people": [
                    {"email": user.email, "name": user.display_name, "group": user.group}
                    for user in _PEOPLE.values()
                    if user.pool_id == pool.id
                ],
            }
            for pool in issuer.pools()
        ],
    }
