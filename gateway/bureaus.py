"""Opens each agency's credit bureau when it is first asked for, and counts the calls to it."""

from contextlib import AsyncExitStack
from dataclasses import fields
from time import perf_counter
from typing import Protocol

from domain.agencies import Agency
from domain.credit import CreditBureau, CreditFile, CreditSubject, PullKind
from domain.errors import Upstream
from gateway.config import CannotStart, TransUnionConfig
from integrations.transunion.adapter import open_transunion
from integrations.transunion.settings import RequestForm, TransUnionSettings


class VendorCalled(Protocol):
    """Hears of a call to a vendor: `ok`, or the code of the error that it ended with."""

    def __call__(self, vendor: str, outcome: str, seconds: float) -> None:
        """Note the call."""
        ...


class CountedBureau:
    """A credit bureau whose calls are counted."""

    def __init__(self, bureau: CreditBureau, called: VendorCalled) -> None:
        self.name = bureau.name
        self._bureau = bureau
        self._called = called

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> CreditFile:
        """Return the subject's file. Raises Upstream; see CreditBureau."""
        began, outcome = perf_counter(), "ok"
        try:
            return await self._bureau.pull(subject, kind, reference=reference)
        except Upstream as error:
            outcome = error.code
            raise
        except BaseException:
            outcome = "INTERNAL"
            raise
        finally:
            self._called(self.name, outcome, perf_counter() - began)


class Bureaus:
    """The bureaus of all agencies: each has its own connections and its own circuit breaker."""

    def __init__(self, settings: TransUnionSettings | None, called: VendorCalled) -> None:
        self._settings = settings
        self._called = called
        self._open: dict[str, CreditBureau] = {}
        self._closing = AsyncExitStack()

    def of(self, agency: Agency) -> CreditBureau | None:
        """Return the agency's bureau; None where no bureau is configured."""
        if self._settings is None:
            return None
        found = self._open.get(agency.id)
        if found is None:
            bureau = open_transunion(agency.id, self._settings)
            self._closing.push_async_callback(bureau.aclose)
            found = self._open[agency.id] = CountedBureau(bureau, self._called)
        return found

    async def aclose(self) -> None:
        """Close all connections."""
        self._open.clear()
        await self._closing.aclose()


def transunion_settings(config: TransUnionConfig) -> TransUnionSettings | None:
    """Return the adapter's settings; None where no address is configured.

    Raises CannotStart for settings that cannot be right.
    """
    if config.url is None:
        return None
    if config.certificate_file is None or config.key_file is None:
        raise CannotStart(
            "TransUnion wants a client certificate: set ALMONER_TRANSUNION_CERTIFICATE_FILE and "
            "ALMONER_TRANSUNION_KEY_FILE."
        )
    given = {field.name: getattr(config, field.name) for field in fields(config)}
    given["concurrency_max"] = given.pop("concurrency")
    given["request_form"] = RequestForm(config.request_form)
    for name in ("frozen_error_codes", "no_hit_error_codes"):
        given[name] = frozenset(given[name])
    try:
        return TransUnionSettings(**given)
    except ValueError as error:
        raise CannotStart(f"The settings of TransUnion (ALMONER_TRANSUNION_…): {error}.") from error
