"""Ariadne as it is shipped: the schema as text, resolvers bound to its root fields."""

from typing import Any

# Both are in the bench's own environment.
from ariadne import EnumType, QueryType, make_executable_schema  # type: ignore[import-not-found]
from ariadne.asgi import GraphQL  # type: ignore[import-not-found]

from bench.servers.arguments import applications_given, serve
from bench.synthetic.data import SCHEMA_FILE, Application, Status


def create_peer(applications: list[Application]) -> Any:
    """Return the ASGI application."""
    by_id = {item.id: item for item in applications}

    def one(_root: Any, _info: Any, *, id: str) -> Application | None:
        return by_id.get(id)

    def first_of_all(_root: Any, _info: Any, *, first: int) -> list[Application]:
        return applications[:first]

    query = QueryType()
    query.set_field("application", one)
    query.set_field("applications", first_of_all)
    status = EnumType("ApplicationStatus", Status)
    text = SCHEMA_FILE.read_text()
    return GraphQL(make_executable_schema(text, query, status, convert_names_case=True))


if __name__ == "__main__":
    serve(create_peer(applications_given()))
