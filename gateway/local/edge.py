"""The edge router of `almoner dev`: its table follows the directory, a second behind at most."""

import time
from dataclasses import dataclass, field

import structlog

from domain.agencies import Agency
from domain.errors import InvalidInput, StoreUnavailable
from edge_router.compiling import DAY_SECONDS, Terms
from edge_router.decision import Decision
from edge_router.server import Application, edge_application
from edge_router.table import RoutingTable
from gateway.config import Config
from gateway.edge import EDGE_FILE, compiled, terms_of
from gateway.workspace import Workspace

LOOKED_AT_EACH_SECONDS = 1.0

_log = structlog.get_logger("almoner")


def local_edge(workspace: Workspace, config: Config) -> Application:
    """Return the router as an application."""
    terms = terms_of(config, workspace.keys, allow_shrink=True)
    return edge_application(Following(workspace=workspace, terms=terms), _observe)


@dataclass(slots=True, kw_only=True)
class Following:
    """Gives the table of the directory as it is: compiled anew where an agency has changed.

    What cannot be compiled routes nobody, and the log says why: visitors get the page that sends
    them elsewhere, and no agency is sent visitors that it is suspended for.
    """

    workspace: Workspace
    terms: Terms
    _table: RoutingTable | None = field(init=False, default=None)
    _agencies: list[Agency] = field(init=False, default_factory=list)
    _looked_at: float = field(init=False, default=0)

    async def __call__(self) -> RoutingTable:
        """Return the table that is in force."""
        table, now = self._table, time.monotonic()
        if table is not None and now - self._looked_at < LOOKED_AT_EACH_SECONDS:
            return table
        try:
            agencies = await self.workspace.directory.agencies()
        except StoreUnavailable:
            if table is None:
                raise
            return table  # what was right a moment ago is better than no answer
        self._looked_at = now
        aged = table is not None and time.time() - table.compiled_at > DAY_SECONDS
        if table is None or aged or agencies != self._agencies:
            table = self._table = self._compile(agencies)
            self._agencies = agencies
        return table

    def _compile(self, agencies: list[Agency]) -> RoutingTable:
        path = self.workspace.home / EDGE_FILE
        try:
            return compiled(agencies, self.terms, self.workspace.keys, path)
        except InvalidInput as refused:
            faults = {fault.path: fault.message for fault in refused.fields}
            _log.warning("edge_table_refused", faults=faults)
            now = int(time.time())
            return RoutingTable(
                version=now,
                compiled_at=now,
                expires_at=now + DAY_SECONDS * self.terms.days,
                information_url=self.terms.information_url,
                routes=(),
                keys=self._table.keys if self._table else (),
            )


def _observe(decision: Decision, table: RoutingTable) -> None:
    _log.info("edge_decision", version=table.version, **decision.observed())
