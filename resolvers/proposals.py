"""Proposals from bank data and credit reports: read, and taken over as lines where they are chosen.

Nothing is kept of them: they are computed from what is stored whenever they are read, and nothing
of what the consumer said is changed but by acceptProposals.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.access import Scope
from domain.actors import PrincipalKind
from domain.applications import LINES_PER_KIND_MAX, Application, DebtKind
from domain.bank_connections import BankConnection, BankTransaction
from domain.banking import LiabilityFacts, StreamFacts
from domain.credit import CreditReport, Tradeline
from domain.errors import NotFound, TooLarge
from domain.events import EventName
from domain.proposals import (
    SEVERAL_LINES,
    Known,
    Proposal,
    ProposalState,
    propose,
    take_over,
)
from domain.validation import Faults
from resolvers.applications import status_after_edit
from resolvers.bank_store import findings_of, kept_months, sync_of
from resolvers.budget import with_lines
from resolvers.context import RequestContext, store_of
from resolvers.inputs import AcceptProposalsInput, given
from resolvers.steps import Intent, Moved, take_step
from resolvers.tradelines import kinds_of


async def proposals_of(context: RequestContext, application: Application) -> list[Proposal] | None:
    """Return what could be taken over, incomes first; None where bank data are out of reach.

    What a credit report says of debts is among it where the principal reads reports as well.
    """
    if not await context.guard.reaches(application, Scope.BANKING_READ):
        return None
    known = await _known(context, application)
    return propose(application, known, context.request.at.date())


async def accept_proposals(context: RequestContext, input: AcceptProposalsInput) -> Application:
    """Make lines of the proposals that are named, all or nothing.

    Raises InvalidInput for ids that name no proposal any more, and for those that are excluded.
    """

    async def move(application: Application) -> Moved:
        status = status_after_edit(context, application)
        if not _holds(context, Scope.BANKING_READ):
            raise NotFound
        offered = {one.id: one for one in await proposals_of(context, application) or ()}
        chosen = _chosen(input.ids, offered)
        incomes, expenses, debts = take_over(application, chosen)
        if max(len(incomes), len(expenses), len(debts)) > LINES_PER_KIND_MAX:
            raise TooLarge(f"An application holds at most {LINES_PER_KIND_MAX} lines of a kind.")
        changed = with_lines(application, incomes=incomes, expenses=expenses, debts=debts)
        return Moved(
            application=replace(changed, status=status),
            fields=tuple(sorted({f"Application.{one.kind.lower()}s" for one in chosen})),
        )

    intent = Intent(
        action="acceptProposals",
        event=EventName.PROPOSALS_ACCEPTED,
        id=input.application_id,
        body=input,
        key=given(input.idempotency_key),
        expected_version=given(input.expected_version),
    )
    return await take_step(context, intent, move)


async def _known(context: RequestContext, application: Application) -> Known:
    store = store_of(context)
    connections = [
        one for one in await store.children(BankConnection, application.id) if not one.has_ended
    ]
    transactions: list[tuple[str, BankTransaction]] = []
    streams: list[StreamFacts] = []
    liabilities: list[tuple[str, LiabilityFacts]] = []
    for connection in connections:
        months = await kept_months(store, await sync_of(store, connection.id))
        transactions += ((one.account_id, each) for one in months for each in one.transactions)
        findings = await findings_of(store, connection.id)
        if findings is not None:
            ids = {account.source_id: account.id for account in connection.accounts}
            streams += findings.streams
            liabilities += (
                (ids[one.account_id], one) for one in findings.liabilities if one.account_id in ids
            )
    return Known(
        connections=tuple(connections),
        transactions=tuple(transactions),
        streams=tuple(streams),
        liabilities=tuple(liabilities),
        lines=await _latest_lines(context, application),
    )


async def _latest_lines(
    context: RequestContext, application: Application
) -> tuple[tuple[Tradeline, DebtKind], ...]:
    """Return the accounts of the latest report; none for whoever does not read reports."""
    scope = Scope.CREDIT_READ
    if not _holds(context, scope) or not await context.guard.reaches(application, scope):
        return ()
    reports = await store_of(context).children(CreditReport, application.id)
    latest = max(reports, key=lambda one: (one.pulled_at, one.id), default=None)
    return () if latest is None else tuple(kinds_of(latest.file))


def _holds(context: RequestContext, scope: Scope) -> bool:
    """Say whether the principal's scopes allow it; people have none, and are bound by grants."""
    principal = context.principal
    return principal.kind is not PrincipalKind.INTEGRATION or scope in principal.scopes


def _chosen(ids: Sequence[str], offered: dict[str, Proposal]) -> list[Proposal]:
    faults = Faults()
    if not ids:
        faults.add("input.ids", "REQUIRED", "Name at least one proposal.")
    if len(ids) > 3 * LINES_PER_KIND_MAX:
        faults.add("input.ids", "TOO_MANY", "That is more than an application can hold.")
        faults.raise_any()
    chosen: list[Proposal] = []
    for number, id_ in enumerate(ids):
        path, one = f"input.ids.{number}", offered.get(id_)
        if one is None:
            faults.add(path, "UNKNOWN", "It has changed or is gone. Read the proposals again.")
        elif one in chosen:
            faults.add(path, "INVALID", "Name each proposal once.")
        elif one.state is ProposalState.EXCLUDED:
            faults.add(path, "INVALID", "This account is not to be counted; see its reasons.")
        elif SEVERAL_LINES in one.reasons:
            faults.add(path, "INVALID", "Several lines stand for it. Change them by saveBudget.")
        else:
            chosen.append(one)
    faults.raise_any()
    return chosen
