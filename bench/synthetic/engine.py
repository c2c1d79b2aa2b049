"""Almoner's engine over the synthetic schema."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import strawberry

from bench.synthetic.data import Application
from bench.synthetic.types import query_type
from gateway.config import Limits
from gateway.engine.execute import Engine
from resolvers.context import RequestContext, RequestMeta
from schema.build import tell_fetches


@dataclass(frozen=True, slots=True)
class Anybody:
    """What the engine needs of a context where nobody asks: the request."""

    request: RequestMeta

    @classmethod
    def now(cls) -> RequestContext:
        """Return the context of a request that arrives now."""
        return cast("RequestContext", cls(RequestMeta(id="bench", at=datetime.now(UTC))))


def create_schema(applications: list[Application]) -> strawberry.Schema:
    """Return the schema with what the engine is told of it, as of the gateway's own."""
    schema = strawberry.Schema(query=query_type(applications))
    tell_fetches(schema)
    return schema


def create_engine(applications: list[Application], limits: Limits) -> Engine:
    """Return an engine that answers out of these applications."""
    return Engine(create_schema(applications), limits)
