"""The composition root: builds the gateway out of its parts, and holds the order of its stages.

Importing this module opens nothing. `create_app` builds; what has to be opened is opened in the
application's lifespan and closed at its end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import (
    asynccontextmanager,
    nullcontext,
)
from http import HTTPStatus

import strawberry
from graphql import OperationType
from opentelemetry.trace import TracerProvider
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from domain.errors import MalformedRequest, StoreUnavailable, Unauthenticated
from gateway.agency import settle_agency
from gateway.budgets.budgets import Budgets, Charge
from gateway.config import Config
from gateway.cors import CorsPolicy
from gateway.documents import document_routes
from gateway.endpoint import Exchange, GraphQLEndpoint
from gateway.engine.documents import Operation
from gateway.engine.execute import Engine, Result
from gateway.engine.judging_apart import JudgeApart
from gateway.errors import (
    DocumentRefused,
    Refused,
    entry_of,
    kind_of,
    malformed,
    status_of_answer,
)
from gateway.front import Front, Gateway
from gateway.health import Drain, health_routes
from gateway.http import Asked, idempotency_key, read_request
from gateway.identity.credentials import authenticate, occasion_of
from gateway.metrics import Metrics, handing_on, new_metrics
from gateway.negotiation import MediaType
from gateway.parts import OpenParts, Parts, Served, open_parts, serve_schema
from gateway.realtime.realtime import Realtime
from gateway.replies import Reply, refusal
from gateway.telemetry import TRACER_NAME
from gateway.webhooks import webhook_routes
from resolvers.audit_lines import leave_lines
from resolvers.context import NO_VENDORS, RequestContext, RequestMeta, open_context
from schema.build import create_schema
from tenants.directory.port import Directory

WHERE_TO_SUBSCRIBE = "subscribe over WebSocket, or accept text/event-stream alone"


async def answer(served: Served, parts: Parts, exchange: Exchange) -> Reply:
    """Answer one request. This is the order of its stages, each timed under its own name."""
    config, clock, headers = served.config, exchange.clock, exchange.headers

    # 1 limits    Request → Asked            bytes, JSON and members; before anybody asks who it is
    clock.begin("limits")
    asked = await read_request(exchange.request, config.limits)
    meta = exchange.meta = meta_of(exchange, served)

    # 2 identity  credential → Principal
    clock.begin("identity")
    occasion = occasion_of(exchange.id, asked)
    presented = await authenticate(headers, parts.authenticator, occasion)
    principal = exchange.principal = presented.principal

    # 3 agency    Principal → Agency         issuer, key and grant must agree
    clock.begin("agency")
    settled = await settle_agency(
        principal, presented.agency_hint, parts.directory, at=exchange.at, only=config.agency
    )
    principal, agency = settled.principal, settled.agency
    exchange.agency = None if agency is None else agency.slug

    # 4 store     Agency → AgencyStore       from here on, the store is the agency
    clock.begin("store")
    async with parts.stores.lease(agency) if agency is not None else nullcontext() as store:
        vendors = NO_VENDORS if agency is None else parts.vendors.of(agency)
        directory = settled.directory_in(parts.directory)

        # 5 context   all of the above → RequestContext, frozen
        clock.begin("context")
        await parts.sightings.arrived(principal, meta, store, parts.directory)
        context = open_context(principal, agency, store, directory, vendors, meta)

        # 6 document  text or hash → Operation   trusted; tokens, depth, aliases, validation
        clock.begin("document")
        text = parts.trusted.text_of(asked, exchange.agency)
        operation = exchange.operation = await served.engine.find(text, asked.operation_name)
        permit(operation, by_get=exchange.request.method == "GET")

        # 7 budget    Operation → Charge         what it may come to, before any of it is done
        clock.begin("budget")
        cost = served.prices.of(operation, asked.variables)
        charge = await parts.budgets.charge(agency, principal, cost)

        # 8 execute   Operation → Result         resolvers and adapters run in here
        clock.begin("execute")
        changes = exchange.shielded = operation.kind is OperationType.MUTATION
        result = await execute(served.engine, parts.budgets, charge, operation, asked, context)
        exchange.failures = result.failures

        # 9 audit     Reads → lines              an answer that leaves no line does not leave
        clock.begin("audit")
        await leave_lines(context, served.engine.field_names, parts.directory, changes=changes)

    # 10 response Result → Reply             status by what was answered
    clock.begin("response")
    return reply_to(result, operation, exchange.media_type, charge)


async def answered(served: Served, parts: Parts, exchange: Exchange) -> Reply:
    """Answer one request; a credential that is turned away is told to its agency."""
    try:
        return await answer(served, parts, exchange)
    except Unauthenticated as error:
        if exchange.meta is not None:
            who, meta = exchange.principal, exchange.meta
            await parts.sightings.turned_away(error, who, meta, parts.directory)
        raise


async def execute(
    engine: Engine,
    budgets: Budgets,
    charge: Charge,
    operation: Operation,
    asked: Asked,
    context: RequestContext,
) -> Result:
    """Run an operation that has been charged for; money that nobody asked for is given back.

    Raises DocumentRefused where the variables do not fit.
    """
    try:
        result = await engine.execute(operation, asked.variables, context)
    except DocumentRefused:
        await budgets.settle(charge, ())
        raise
    if not result.answered:
        await budgets.settle(charge, result.codes)
    return result


def meta_of(exchange: Exchange, served: Served) -> RequestMeta:
    """Return what the resolvers learn of the request itself; raises Refused for its headers."""
    return RequestMeta(
        id=exchange.id,
        at=exchange.at,
        source_ip=exchange.request.client,
        idempotency_key=idempotency_key(exchange.headers),
        allow_test_ssn=served.config.allow_test_ssn,
        documents=served.documents,
        invitation_hours=served.config.invitation_hours,
    )


def permit(operation: Operation, *, by_get: bool) -> None:
    """Raise Refused where GET carries anything but a query, DocumentRefused for a subscription."""
    if operation.kind is OperationType.SUBSCRIPTION:
        error = MalformedRequest(f"A subscription is not answered at once: {WHERE_TO_SUBSCRIBE}.")
        raise DocumentRefused([entry_of(error, error_type="OperationNotSupported")])
    if by_get and operation.kind is not OperationType.QUERY:
        raise Refused(
            MalformedRequest("GET is for queries; ask for this by POST."),
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            headers={"allow": "POST"},
        )


def reply_to(result: Result, operation: Operation, media_type: MediaType, charge: Charge) -> Reply:
    """Return the reply to an operation that was run, with what is left to spend."""
    mutation = operation.kind is OperationType.MUTATION
    status = status_of_answer(result.codes, answered=result.answered, mutation=mutation)
    headers = list(charge[0])
    if status != HTTPStatus.OK:
        headers.append((b"x-amzn-errortype", kind_of(result.codes[0]).error_type.encode()))
        if result.retry_after is not None:
            headers.append((b"retry-after", str(result.retry_after).encode()))
    return Reply(
        status=status,
        body=result.body,
        media_type=media_type,
        headers=tuple(headers),
        codes=result.codes,
        executed=True,
    )


def create_app(
    config: Config,
    *,
    schema: strawberry.Schema | None = None,
    metrics: Metrics | None = None,
    tracer_provider: TracerProvider | None = None,
    drain: Drain | None = None,
    parts: OpenParts | None = None,
    routes: Sequence[BaseRoute] = (),
    apart: JudgeApart | None = None,
) -> Gateway:
    """Return the gateway as an ASGI application; nothing is opened before its lifespan begins.

    Each keyword stands in for a part that is otherwise made from the configuration. routes: more
    paths to serve. apart: judges new documents of that schema, and ends with the application.
    `app.state.drain` tells the application that it is about to stop.
    """
    counters = metrics or new_metrics()
    stopping = drain or Drain()
    realtime = Realtime(config, counters, stopping)
    served = serve_schema(config, schema or create_schema(), counters, apart)

    opened: Parts

    async def run_stages(exchange: Exchange) -> Reply:
        return await answered(served, opened, exchange)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        nonlocal opened
        async with (
            (parts or open_parts)(config, counters) as opened,
            handing_on(counters),
            realtime.opened(served, opened),
        ):
            app.state.parts = opened
            yield
            await endpoint.in_flight.drain(config.drain_seconds)
            served.engine.close()

    tracer = tracer_provider.get_tracer(TRACER_NAME) if tracer_provider is not None else None
    endpoint = GraphQLEndpoint(run_stages, config, counters, tracer=tracer)
    app = Gateway(
        Front(endpoint, limits=config.limits, cors=cors_policy(config)),
        realtime,
        routes=[
            *health_routes(stopping, lambda: directory_answers(app.state.parts.directory)),
            *document_routes(config, served, lambda: app.state.parts, cors_policy(config)),
            *webhook_routes(lambda: app.state.parts, only=config.agency),
            *routes,
        ],
        exception_handlers={HTTPException: _unknown_path},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # one address has one spelling
    app.state.drain = stopping
    app.state.metrics = counters
    return app


async def directory_answers(directory: Directory) -> bool:
    """Say whether the directory can be read."""
    try:
        await directory.operator_pool()
    except StoreUnavailable:
        return False
    return True


def cors_policy(config: Config) -> CorsPolicy:
    """Return which web pages may call: those configured, and under `almoner dev` all local ones."""
    return CorsPolicy(origins=config.cors_origins, loopback=config.development)


async def _unknown_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refused = malformed(
        "There is nothing at this address.", error.status_code, error_type="UnknownOperation"
    )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refused = malformed("This address does not take that method.", error.status_code)
    reply = refusal(refused, MediaType.JSON)
    del request
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(
        reply.body,
        status_code=reply.status,
        headers=headers | dict(error.headers or {}),
        media_type=reply.media_type.header.decode(),
    )
