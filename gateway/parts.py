"""What the stages of a request work with: what is served, and the parts that are opened for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import strawberry
from graphql import GraphQLSchema

from domain.agencies import Agency
from domain.documents import DocumentTerms
from gateway.bank_worker import BankWorker, NoWork, TakesWork
from gateway.banks import open_banks
from gateway.budgets.budgets import Budgets
from gateway.budgets.opening import open_budgets
from gateway.bureaus import open_bureaus
from gateway.config import BudgetsConfig, CannotStart, Config, Limits, TrustedDocumentsConfig
from gateway.engine.cost import Prices
from gateway.engine.execute import Engine
from gateway.engine.judging_apart import JudgeApart
from gateway.events.local import LocalBroker
from gateway.events.opening import open_events
from gateway.events.port import Broker
from gateway.identity.credentials import Authenticates
from gateway.identity.opening import open_authenticator
from gateway.identity.sightings import Sightings
from gateway.metrics import Metrics, measuring_backlog
from gateway.secret_ages import measuring_ages
from gateway.secrets import open_secrets
from gateway.trusted_documents import TrustedDocuments, open_trusted_documents
from gateway.vendors import AgencyVendors
from gateway.workspace import blobs_of, open_workspace
from resolvers.context import Vendors
from schema.build import core_schema
from tenants.directory.port import Directory
from tenants.store import AgencyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is served, made once: by which settings, from which schema, at which prices."""

    config: Config
    schema: GraphQLSchema
    engine: Engine
    prices: Prices
    documents: DocumentTerms


class LeasesStores(Protocol):
    """Stage 4's port."""

    def lease(self, agency: Agency) -> AbstractAsyncContextManager[AgencyStore]:
        """Return the agency's store for as long as the block lasts."""
        ...


class FindsVendors(Protocol):
    """Where stage 5 finds an agency's vendors."""

    def of(self, agency: Agency) -> Vendors:
        """Return the agency's vendors."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the stages work with, opened for as long as the application runs."""

    authenticator: Authenticates
    directory: Directory
    stores: LeasesStores
    vendors: FindsVendors
    sightings: Sightings = field(default_factory=Sightings)
    budgets: Budgets = field(default_factory=lambda: Budgets(BudgetsConfig()))
    events: Broker = field(default_factory=LocalBroker)
    bank_work: TakesWork = field(default_factory=NoWork)
    trusted: TrustedDocuments = field(
        default_factory=lambda: TrustedDocuments(TrustedDocumentsConfig(), Limits())
    )


OpenParts = Callable[[Config, Metrics], AbstractAsyncContextManager[Parts]]


@asynccontextmanager
async def open_parts(config: Config, metrics: Metrics) -> AsyncIterator[Parts]:
    """Open what the stages work with, and close it at the end.

    Raises CannotStart where something is missing, StoreUnavailable where it cannot be read.
    """
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(
            open_workspace(config.home, keys=config.keys, blobs=blobs_of(config))
        )
        if config.agency and await home.directory.agency_by_slug(config.agency) is None:
            raise CannotStart(f"there is no agency {config.agency} to serve.")
        secrets = await stack.enter_async_context(open_secrets(config))
        await stack.enter_async_context(
            measuring_ages(config, metrics.registry, home.directory, secrets)
        )
        await stack.enter_async_context(measuring_backlog(metrics.registry, home.registry.backlog))
        budgets = await stack.enter_async_context(open_budgets(config, metrics, secrets))
        events = await stack.enter_async_context(open_events(config, metrics, secrets, home))
        trusted = await stack.enter_async_context(
            open_trusted_documents(
                config.trusted_documents,
                config.limits,
                untrusted=metrics.document_untrusted,
            )
        )
        bureaus = await open_bureaus(config.transunion, metrics.vendor_called, secrets)
        stack.push_async_callback(bureaus.aclose)
        banks = open_banks(config.plaid, metrics.vendor_called, secrets, processes=config.workers)
        stack.push_async_callback(banks.aclose)
        authenticator = await stack.enter_async_context(open_authenticator(config, home.directory))
        vendors = AgencyVendors(bureaus, banks)
        worker = BankWorker(home.directory, home.registry, vendors, only=config.agency)
        await stack.enter_async_context(worker.working())
        yield Parts(
            authenticator=authenticator,
            directory=home.directory,
            stores=home.registry,
            vendors=vendors,
            bank_work=worker,
            budgets=budgets,
            events=events,
            trusted=trusted,
        )


def serve_schema(
    config: Config,
    schema: strawberry.Schema,
    counters: Metrics,
    apart: JudgeApart | None = None,
) -> Served:
    """Return what serves a schema."""
    core = core_schema(schema)
    engine = Engine(
        schema,
        config.limits,
        suggestions=config.development,
        introspection=config.introspection,
        seen=counters.document_seen,
        executed=counters.executed,
        apart=apart,
    )
    prices = Prices(core, config.limits)
    documents = terms_of(config)
    return Served(config=config, schema=core, engine=engine, prices=prices, documents=documents)


def terms_of(config: Config) -> DocumentTerms:
    """Return on what terms documents are moved."""
    scheme = "http" if config.tls_certificate_file is None else "https"
    host = f"[{config.host}]" if ":" in config.host else config.host
    own = f"{scheme}://{host}:{config.port}"
    return DocumentTerms(
        base_url=(config.documents.base_url or own).rstrip("/"),
        link_seconds=config.documents.link_seconds,
        bytes_max=config.documents.bytes_max,
        presigned=config.documents.presigned,
    )
