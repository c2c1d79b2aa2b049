"""The peer that is written by hand: a Starlette endpoint that builds each answer with its own code.

No GraphQL: it knows the three queries by their text, makes dictionaries of the objects that they
ask for, and has orjson write them. What a framework does beyond that is what the framework costs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson  # type: ignore[import-not-found] # in the bench's own environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.servers.arguments import applications_given, serve
from bench.synthetic.data import LARGE, MEDIUM, SMALL, Application, Consumer

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def create_peer(applications: list[Application]) -> Starlette:
    """Return the application."""
    by_id = {item.id: item for item in applications}

    def small(variables: Mapping[str, Any]) -> dict[str, Any]:
        found = by_id.get(variables["id"])
        return {"application": found and {"id": found.id, "status": found.status.value}}

    def medium(variables: Mapping[str, Any]) -> dict[str, Any]:
        found = by_id.get(variables["id"])
        return {"application": found and {**_application(found), **_lines(found)}}

    def large(variables: Mapping[str, Any]) -> dict[str, Any]:
        some = applications[: variables["first"]]
        return {"applications": [_application(item) for item in some]}

    answers: dict[str, Answer] = {
        SMALL.text: small,
        MEDIUM.text: medium,
        LARGE.text: large,
    }

    async def graphql(request: Request) -> Response:
        body = orjson.loads(await request.body())
        data = answers[body["query"]](body["variables"])
        return Response(orjson.dumps({"data": data}), media_type="application/json")

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])


def _application(item: Application) -> dict[str, Any]:
    return {
        "id": item.id,
        "version": item.version,
        "status": item.status.value,
        "state": item.state,
        "householdSize": item.household_size,
        "hardshipReason": item.hardship_reason,
        "createdAt": item.created_at,
        "updatedAt": item.updated_at,
        "submittedAt": item.submitted_at,
        "monthlyIncome": item.monthly_income,
        "monthlyExpenses": item.monthly_expenses,
        "eligible": item.eligible,
        "consumer": _consumer(item.consumer),
    }


def _consumer(item: Consumer) -> dict[str, Any]:
    return {
        "id": item.id,
        "givenName": item.given_name,
        "familyName": item.family_name,
        "email": item.email,
        "phone": item.phone,
        "dateOfBirth": item.date_of_birth,
    }


def _lines(item: Application) -> dict[str, Any]:
    return {
        "debts": [
            {
                "id": line.id,
                "creditor": line.creditor,
                "kind": line.kind,
                "balance": line.balance,
                "apr": line.apr,
                "minimumPayment": line.minimum_payment,
                "pastDue": line.past_due,
            }
            for line in item.debts
        ],
        "incomes": [
            {
                "id": line.id,
                "source": line.source,
                "amount": line.amount,
                "frequency": line.frequency,
                "verified": line.verified,
            }
            for line in item.incomes
        ],
        "expenses": [
            {
                "id": line.id,
                "category": line.category,
                "amount": line.amount,
                "frequency": line.frequency,
                "essential": line.essential,
            }
            for line in item.expenses
        ],
    }


if __name__ == "__main__":
    serve(create_peer(applications_given()))
