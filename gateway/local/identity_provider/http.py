"""The provider's HTTP side: the Cognito API, key sets and discovery, for this machine alone.

A call goes to the root or to a pool's own address. Only calls for a loopback name are answered, so
that no page of the web can reach the provider by a name that it has led here, and only pages of
this machine may read answers.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.addresses import is_loopback
from domain.errors import NotFound, StoreUnavailable
from gateway.cors import CorsPolicy, preflight_headers
from gateway.headers import HeaderFields
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.faults import Fault, FaultName
from gateway.local.identity_provider.keys import published_keys, renew_keys
from gateway.local.identity_provider.limits import BODY_BYTES_MAX, KEY_SET_CACHED_SECONDS
from gateway.local.identity_provider.pools import pool_of

MEDIA_TYPE = "application/x-amz-json-1.1"
_CORS = CorsPolicy(loopback=True)
_EXPOSED = "x-amzn-RequestId, x-amzn-ErrorType"
_log = structlog.get_logger("almoner")


class Endpoint:
    """What answers requests. base_url: what issuers begin with, where it is not what is asked."""

    def __init__(self, provider: Provider, base_url: str | None) -> None:
        self._provider = provider
        self._base_url = base_url

    async def call(self, request: Request) -> Response:
        """Answer a call of the API."""
        headers = _headers(request)
        if request.method == "OPTIONS":
            allowed = preflight_headers(_CORS, HeaderFields(request.headers.raw))
            given = {name.decode(): value.decode() for name, value in allowed or []}
            return Response(status_code=200, headers=headers | given)
        try:
            _demand_loopback(request)
            result = await self._provider.answer(
                request.headers.get("x-amz-target", ""),
                await _body(request),
                base_url=self._base(request),
                pool_id=request.path_params.get("pool"),
                authorization=request.headers.get("authorization", ""),
            )
        except Fault as fault:
            return _refusal(fault.name, fault.message, 400, headers)
        except StoreUnavailable as error:
            return _refusal(FaultName.INTERNAL, error.message, 500, headers)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - a client is told no more, and the log only what kind
            _log.error("identity provider failed", why=type(error).__name__)
            return _refusal(FaultName.INTERNAL, "Something went wrong.", 500, headers)
        return Response(msgspec.json.encode(result), media_type=MEDIA_TYPE, headers=headers)

    async def key_set(self, request: Request) -> Response:
        """Return a pool's public keys."""
        keys = await self._provider.in_thread(lambda: self._published(request.path_params["pool"]))
        cached = {"cache-control": f"public, max-age={KEY_SET_CACHED_SECONDS}"}
        return JSONResponse({"keys": keys}, headers=_headers(request) | cached)

    async def discovery(self, request: Request) -> Response:
        """Return a pool's OpenID configuration."""
        pool_id = request.path_params["pool"]
        with self._provider.file.reading() as connection:
            pool_of(connection, pool_id)  # for an unknown pool there is nothing to discover
        issuer = f"{self._base(request)}/{pool_id}"
        return JSONResponse(_discovery(issuer), headers=_headers(request))

    def _published(self, pool_id: str) -> list[dict[str, str]]:
        with self._provider.file.unit() as connection:
            renew_keys(connection, pool_of(connection, pool_id).id, self._provider.clock())
            return [key.public_jwk() for key in published_keys(connection, pool_id)]

    def _base(self, request: Request) -> str:
        return (self._base_url or str(request.base_url)).rstrip("/")


def provider_app(provider: Provider, *, base_url: str | None = None) -> Starlette:
    """Return the provider as an application."""
    endpoint = Endpoint(provider, base_url)

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def unknown(_: Request, error: Exception) -> Response:
        return JSONResponse({"message": str(error)}, status_code=404)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await provider.tell_revocations()
        try:
            yield
        finally:
            provider.thread.shutdown()

    methods = ["POST", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/", endpoint.call, methods=methods),
            Route("/health/live", live),
            Route("/{pool}/.well-known/jwks.json", endpoint.key_set),
            Route("/{pool}/.well-known/openid-configuration", endpoint.discovery),
            Route("/{pool}", endpoint.call, methods=methods),
            Route("/{pool}/", endpoint.call, methods=methods),
        ],
        exception_handlers={NotFound: unknown},
        lifespan=lifespan,
    )


async def _body(request: Request) -> bytes:
    """Return the body, read no further than allowed."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            told = f"A call has at most {BODY_BYTES_MAX} bytes."
            raise Fault(FaultName.SERIALIZATION, told)
    return bytes(body)


def _demand_loopback(request: Request) -> None:
    host = request.headers.get("host", "")
    if not is_loopback(f"http://{host}"):
        raise Fault(FaultName.FORBIDDEN, "This provider is for this machine: call it by 127.0.0.1.")


def _headers(request: Request) -> dict[str, str]:
    headers = {"x-amzn-RequestId": str(uuid.uuid4()), "vary": "Origin"}
    origin = request.headers.get("origin")
    if origin is not None and _CORS.allows(origin):
        headers["access-control-allow-origin"] = origin
        headers["access-control-expose-headers"] = _EXPOSED
    return headers


def _refusal(name: FaultName, message: str, status: int, headers: Mapping[str, str]) -> Response:
    body: dict[str, Any] = {"__type": name.value, "message": message}
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**headers, "x-amzn-ErrorType": name.value},
    )


def _discovery(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["public"],
    }
