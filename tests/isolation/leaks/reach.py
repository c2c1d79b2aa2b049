"""Mistakes about what is within reach: guards, scopes and grants."""

from dataclasses import replace
from typing import Any

import schema.nodes
from domain.access import Principal
from domain.errors import GatewayError
from resolvers.guard import Guard
from schema.rules import Rule
from tests.isolation.leaks.leak import Leaks, Patch
from tests.isolation.planting import STALE_COUNSELOR

LEAKS = Leaks()
leak = LEAKS.enter


@leak("a guard that says yes to everything")
def _guard_that_says_yes(patch: Patch) -> None:
    async def reaches(*_: object) -> bool:
        return True

    patch.setattr(Guard, "reaches", reaches)


@leak("an object found by its id without being guarded", {"node"})
def _node_without_guard(patch: Patch) -> None:
    async def read(context: Any, global_id: str) -> Any:
        return await context.loaders.applications.load(global_id)

    kind = schema.nodes.NODE_KINDS["app"]
    patch.setitem(schema.nodes.NODE_KINDS, "app", replace(kind, read=read))


@leak("consumers found by what is known of them, whoever looks", {"consumers"})
def _match_without_reach(patch: Patch) -> None:
    async def all_of_them(*_: object) -> None:
        return None

    patch.setattr(Guard, "consumer_ids", all_of_them)


@leak("scopes of an API key that are not looked at")
def _key_without_scopes(patch: Patch) -> None:
    honest = Rule.refusal

    def refusal(self: Rule, principal: Principal, *more: Any) -> GatewayError | None:
        return None if principal.scopes else honest(self, principal, *more)

    patch.setattr(Rule, "refusal", refusal)


@leak("an old sign-in that is good enough for everything", {"consumer"}, {STALE_COUNSELOR})
def _old_sign_in_reads_ssn(patch: Patch) -> None:
    patch.setattr(Rule, "_is_stale", lambda *_: False)
