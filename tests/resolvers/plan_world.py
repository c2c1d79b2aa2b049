"""The worked example in a world: its application in review, its policies, and its steps."""

from dataclasses import dataclass, replace
from typing import Any

from domain.access import Principal
from domain.actors import Group
from domain.analysis import FinancialAnalysis
from domain.applications import Application, ApplicationStatus
from domain.ids import new_child_id
from domain.plans import Plan
from domain.settings import CreditorPolicy
from resolvers.budget import with_lines
from tests.domain import plan_samples as samples
from tests.resolvers.documents import ACCEPT_PLAN, ANALYZE, PROPOSE
from tests.resolvers.world import Answer, World

UPDATE_SETTINGS = """mutation ($input: UpdateSettingsInput!) {
  updateSettings(input: $input) { id } }"""


@dataclass(frozen=True, slots=True)
class Case:
    """An application in review, who it is about, and who works on it."""

    world: World
    application: Application
    consumer: Principal
    counselor: Principal

    async def analyze(self, who: Principal | None = None) -> Answer:
        """Have it analyzed."""
        return await self.world.ask(who or self.counselor, ANALYZE, {"id": self.application.id})

    async def propose(self, who: Principal | None = None, **more: Any) -> Answer:
        """Have a plan proposed, after an analysis."""
        self.world.later(seconds=1)  # so that ids are in the order of proposals
        asked = {"applicationId": self.application.id, **more}
        return await self.world.ask(who or self.counselor, PROPOSE, {"input": asked})

    async def proposed(self, **more: Any) -> dict[str, Any]:
        """Return a plan that was proposed."""
        (await self.analyze())["analyzeApplication"]
        plan: dict[str, Any] = (await self.propose(**more))["proposePlan"]
        return plan

    async def accept(
        self, plan: dict[str, Any], who: Principal | None = None, **more: Any
    ) -> Answer:
        """Have a plan signed."""
        asked = {
            "id": plan["id"],
            "agreementSha256": plan["agreement"]["sha256"],
            "signature": "Ada Byron",
            **more,
        }
        return await self.world.ask(who or self.consumer, ACCEPT_PLAN, {"input": asked})

    async def stored(self) -> Application:
        """Return the application as it is."""
        found = await self.world.store.get(Application, self.application.id)
        assert found is not None
        return found


async def open_case(world: World, **more: Any) -> Case:
    """Return the worked example, its creditors' policies in the settings."""
    admin = world.person(Group.ADMINS)
    policies = [policy_input(one) for one in samples.POLICIES]
    made = {
        "effectiveFrom": world.now.date().isoformat(),
        "setupFee": "0.00",
        "creditorPolicies": policies,
    }
    assert (await world.ask(admin, UPDATE_SETTINGS, {"input": made}))["updateSettings"]
    consumer, counselor = (
        world.person(Group.CONSUMERS, subject="owner"),
        world.person(Group.COUNSELORS),
    )
    draft = await world.add_application(
        await world.add_consumer("owner"), ApplicationStatus.IN_REVIEW
    )
    example = samples.an_application()
    filled = with_lines(
        draft,
        incomes=tuple(_under(draft, "inc", one) for one in example.incomes),
        expenses=tuple(_under(draft, "exp", one) for one in example.expenses),
        debts=tuple(_under(draft, "debt", one) for one in example.debts),
    )
    assigned = await world.assign(replace(filled, **more), counselor)
    return Case(world, assigned, consumer, counselor)


def policy_input(policy: CreditorPolicy) -> dict[str, str]:
    """Return a policy as it is written into the settings."""
    return {
        "creditor": policy.creditor,
        "participation": policy.participation.value,
        "apr": str(policy.apr),
        "paymentRate": str(policy.payment_rate),
        "paymentFloor": str(policy.payment_floor),
    }


def _under(application: Application, prefix: str, line: Any) -> Any:
    return replace(line, id=new_child_id(prefix, application.id))


async def add_plan(world: World, application: Application, **changes: Any) -> tuple[str, str]:
    """Write an analysis and a plan under an application; return their ids."""
    made = samples.a_plan(
        application_id=application.id, id=new_child_id("plan", application.id, world.now)
    )
    analysis: FinancialAnalysis = replace(
        samples.an_analysis(),
        id=new_child_id("ana", application.id, world.now),
        application_id=application.id,
    )
    debts = tuple(
        replace(one, debt=_under(application, "debt", one.debt)) for one in made.creditors
    )
    plan: Plan = replace(made, creditors=debts, analysis_id=analysis.id, **changes)
    await world.put(analysis)
    await world.put(plan)
    return analysis.id, plan.id
